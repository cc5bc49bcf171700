// `npm run bench:aws`: what the control plane uses and costs on AWS, counted on the emulated cloud and priced with one table of prices. Prints a
// table, writes bench/aws-results.json. `-- chain=1000` measures a longer chain than the default one, whose nodes all cost the same.
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { limits } from '#schemas/limits.ts';
import { buildBundles, layGround } from '#support/aws/cloud.ts';
import { bill, total, type Usage } from './aws-prices.ts';
import {
  Bench,
  chain,
  chainBeside,
  fanOut,
  idleMonth,
  type Walked,
  walked,
  wide,
} from './aws-workloads.ts';
import { type BenchRow, median, row } from './row.ts';

const THOUSAND = 1_000;
const ARRIVALS = 20;
/** What a tick leaves in the history on AWS, by its documentation; the emulator leaves fewer. */
const EVENTS_A_TICK = 8;
const TICKS = 2_000;

const chosen = (name: string, otherwise: number): number => {
  const given = process.argv.find((arg) => arg.startsWith(`${name}=`));
  return given === undefined ? otherwise : Number(given.split('=')[1]);
};

const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Measured {
  readonly rows: readonly BenchRow[];
  readonly details: Readonly<Record<string, unknown>>;
}

/** Each part answers its rows, which are printed at once, and the parts of its bill. */
async function measure(bench: Bench): Promise<Measured> {
  const rows: BenchRow[] = [];
  const details: Record<string, unknown> = {};
  const found = (more: readonly BenchRow[]): void => {
    print(more);
    rows.push(...more);
  };
  // What is cold is not measured.
  await walked(bench, chain(3));
  const links = chosen('chain', 200);
  const inChain = await walked(bench, chain(links));
  details['chain'] = told(inChain);
  found([
    ...walkRows('chain', inChain, links, { dollars: 0.1, transitions: 2.2, units: 20 }),
    row('outcome to next submit', inChain.latencies, { unit: 'ms', atMost: 150 }),
    historyRow(inChain),
  ]);
  const nodes = chosen('wide', THOUSAND);
  const beside = await walked(bench, wide(nodes), ARRIVALS);
  details['wide'] = told(beside);
  found(walkRows('wide', beside, nodes, { dollars: 0.03, transitions: 0.5, units: 11 }));
  const idle = await idleMonth(bench);
  details['idle'] = billed(idle);
  found([row('idle run, a month', [total(bill(idle))], { unit: '$', atMost: 0.05 })]);
  const others = chosen('others', 10_000);
  const few = await chainBeside(bench, 100);
  const many = await chainBeside(bench, others);
  const note = `${many.units.toFixed(1)} against ${few.units.toFixed(1)}`;
  const name = `write units of a node among ${others} that wait, against 100`;
  found([
    row(name, [many.units / few.units], { unit: 'times', atMost: 1.2, note }),
    row(`bytes that a tick is called with, among ${others} nodes`, [many.order], {
      unit: 'bytes',
      atMost: limits.tickBytes,
      note: 'with a token of the emulator',
    }),
  ]);
  const instances = chosen('fan', 10_000);
  const fan = await fanOut(bench, instances);
  details['fan'] = fan;
  found([
    row(`forEach of ${instances}: all submitted`, [fan.submitted], {
      unit: 's',
      atMost: 10,
      note: `${fan.submissions} submissions`,
    }),
    row(`forEach of ${instances}: all cancelled`, [fan.cancelled], { unit: 's', atMost: 60 }),
  ]);
  return { rows, details };
}

function historyRow(used: Walked): BenchRow {
  const note = `${TICKS} ticks; ${perTick(used).toFixed(1)} events a tick here, ${EVENTS_A_TICK} on AWS`;
  const events = Math.max(EVENTS_A_TICK, perTick(used)) * TICKS;
  return row('events of the longest history', [events], { unit: 'events', atMost: 19_999, note });
}

interface Wanted {
  readonly dollars: number;
  readonly transitions: number;
  readonly units: number;
}

function walkRows(name: string, used: Walked, nodes: number, wanted: Wanted): BenchRow[] {
  const { usage, seconds } = used;
  const dollars = (total(bill(usage)) / nodes) * THOUSAND;
  const rate = `${nodes} nodes in ${seconds.toFixed(0)} s`;
  return [
    row(`${name}: 1,000 nodes`, [dollars], { unit: '$', atMost: wanted.dollars, note: rate }),
    row(`${name}: transitions a node`, [usage.transitions / nodes], {
      unit: 'transitions',
      atMost: wanted.transitions,
    }),
    row(`${name}: write units a node`, [usage.writeUnits / nodes], {
      unit: 'units',
      atMost: wanted.units,
    }),
  ];
}

const perTick = ({ histories }: Walked): number => histories.longest / histories.ticks;

const billed = (usage: Usage) => ({ usage, dollars: bill(usage), total: total(bill(usage)) });

const told = ({ usage, calls, histories, metered, seconds, latencies }: Walked) => ({
  ...billed(usage),
  ...{ seconds, calls, histories, requests: metered.requests },
  medianMilliseconds: median(latencies),
});

async function main(): Promise<number> {
  await buildBundles();
  const laid = await layGround();
  if (laid === undefined) {
    say('MiniStack is missing: node tools/emulators.mjs');
    return 1;
  }
  const bench = await Bench.open(laid.ground);
  try {
    const { rows, details } = await measure(bench);
    process.stdout.write('\nbench/aws-results.json has the parts of the bill.\n');
    const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model };
    const written = { at: new Date().toISOString(), machine, rows, details };
    writeFileSync(
      new URL('./aws-results.json', import.meta.url),
      `${JSON.stringify(written, undefined, 2)}\n`,
    );
    return rows.every(({ reached }) => reached) ? 0 : 1;
  } finally {
    await bench.close();
    await laid.end();
  }
}

function print(rows: readonly BenchRow[]): void {
  for (const { name, value, unit, target, reached, note = '' } of rows) {
    const measured = `${value.toPrecision(3)} ${unit}`.padStart(20);
    process.stdout.write(
      `${reached ? ' ' : '✗'} ${name.padEnd(60)}${measured}   ${target}   ${note}\n`,
    );
  }
}

process.exitCode = await main();
