// The same work in Millrace and in its peers, side by side: they take turns, each in a process of its own that warms up first.
// `npm run bench:peers-setup` makes what the peers run in. Takes about ten minutes.
import { fileURLToPath } from 'node:url';
import { environmentOf, isReady, PEERS, type Peer, versionOf } from './peers/environments.ts';
import { LENGTH, type Measured, measure, type System, WIDTH } from './peers/measure.ts';
import { type BenchRow, median } from './row.ts';

const ROUNDS = 5;
const NAMES: Readonly<Record<Peer, string>> = {
  prefect: 'Prefect',
  dagster: 'Dagster',
  dbos: 'DBOS',
};
const WORKS = [
  { key: 'chain', title: `chain of ${LENGTH}` },
  { key: 'fan', title: `fan-out of ${WIDTH} and a join` },
] as const;

const millrace: System = {
  name: 'Millrace',
  program: process.execPath,
  args: [fileURLToPath(new URL('./peers/with-millrace.ts', import.meta.url))],
};

function systemOf(peer: Peer): System {
  return {
    name: `${NAMES[peer]} ${versionOf(peer)}`,
    program: `${environmentOf(peer)}/bin/python`,
    args: [fileURLToPath(new URL(`./peers/with-${peer}.py`, import.meta.url))],
  };
}

export async function rows(): Promise<readonly BenchRow[]> {
  const ready = PEERS.filter(isReady);
  const absent = PEERS.filter((peer) => !ready.includes(peer));
  if (absent.length > 0)
    console.error(`  no environment of ${absent.join(', ')}: npm run bench:peers-setup makes it`);
  // Without a peer there is nothing to be compared with.
  const systems = ready.length === 0 ? [] : [millrace, ...ready.map(systemOf)];
  const found = new Map<System, Measured[]>(systems.map((system) => [system, []]));
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [system, all] of found) {
      console.error(`  round ${round} of ${ROUNDS}: ${system.name}`);
      all.push(await measure(system));
    }
  }
  return [
    {
      name: 'peers that were measured',
      target: `${PEERS.length}`,
      value: ready.length,
      unit: `of ${PEERS.length}`,
      reached: absent.length === 0,
      ...(absent.length === 0 ? {} : { note: 'npm run bench:peers-setup' }),
    },
    ...WORKS.flatMap(({ key, title }) => compare(title, tableOf(found, key))),
  ];
}

interface Line {
  readonly name: string;
  /** Milliseconds, each round. */
  readonly times: readonly number[];
  readonly recorded: number;
}

function tableOf(found: ReadonlyMap<System, readonly Measured[]>, key: keyof Measured): Line[] {
  return [...found].map(([system, all]) => ({
    name: system.name,
    times: all.map((one) => one[key].seconds * 1_000),
    recorded: median(all.map((one) => one[key].recorded * 1_000)),
  }));
}

/** Ours first, then each peer with how many times as long it takes. */
function compare(title: string, [ours, ...peers]: readonly Line[]): BenchRow[] {
  if (ours === undefined) return [];
  const least = Math.min(...peers.map((peer) => median(peer.times)));
  const own = median(ours.times);
  const rowOf = (line: Line): Omit<BenchRow, 'target' | 'reached'> => ({
    name: `${title}, ${line.name}`,
    value: median(line.times),
    unit: 'ms',
    samples: line.times,
  });
  return [
    { ...rowOf(ours), target: `< ${least.toFixed(0)} ms, the fastest peer`, reached: own < least },
    ...peers.map((peer) => {
      const row = rowOf(peer);
      const later = peer.recorded > row.value * 1.1;
      const recorded = later ? `, written down after ${peer.recorded.toFixed(0)} ms` : '';
      const note = `${(row.value / own).toFixed(1)} × ours${recorded}`;
      return { ...row, target: `> ${own.toFixed(0)} ms`, reached: own < row.value, note };
    }),
  ];
}
