// What is measured on the emulated cloud. Jobs are played: they claim, report and send one line of log, as a short job does.
import { setTimeout as pause } from 'node:timers/promises';
import { routes } from '#schemas/api.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptResult } from '#schemas/run.ts';
import { type Cloud, type Ground, openCloud } from '#support/aws/cloud.ts';
import { Hands } from '#support/aws/cloud-hands.ts';
import { Scripted } from '#support/aws/scripted.ts';
import { times, type Usage } from './aws-prices.ts';
import { Stretch, type Used } from './aws-usage.ts';

const DONE: AttemptResult = { result: 'completed', outputs: {} };
const PRINTED =
  'a line that the program of this node has printed, of about a hundred characters, as programs do it';
const LOOK_MS = 250;
const HOURS_OF_A_MONTH = 730;
const SWEEPS_AN_HOUR = 12;
const HOPS_AN_HOUR = 4;

type Play = (address: string) => AttemptResult | Promise<AttemptResult>;

/** A cloud on which something is measured. */
export class Bench {
  readonly cloud: Cloud;
  readonly hands: Hands;
  readonly jobs: Scripted;
  #play: Play = () => DONE;

  private constructor(cloud: Cloud, hands: Hands, jobs: Scripted) {
    this.cloud = cloud;
    this.hands = hands;
    this.jobs = jobs;
  }

  static async open(ground: Ground): Promise<Bench> {
    const holder: { bench?: Bench } = {};
    const script = ({ address }: { address: string }) => holder.bench?.play(address) ?? DONE;
    const jobs = new Scripted({ script, atOnce: 8, printed: PRINTED });
    const cloud = await openCloud(ground, { containers: jobs });
    holder.bench = new Bench(cloud, new Hands(ground), jobs);
    return holder.bench;
  }

  async close(): Promise<void> {
    this.hands.close();
    await this.cloud.close();
  }

  play(address: string): AttemptResult | Promise<AttemptResult> {
    return this.#play(address);
  }

  async start(source: string, play: Play = () => DONE): Promise<string> {
    this.#play = play;
    this.jobs.claimed.length = 0;
    this.jobs.reportedAt.clear();
    return (await this.cloud.api.ask(routes.start, { body: { source } })).run;
  }

  /** Looks into the table, past the API and the meter: looking costs nothing that is counted. */
  async ended(run: string): Promise<void> {
    for (;;) {
      const [head] = await this.hands.items(run, 'HEAD');
      if (/"phase":"ended"/.test(JSON.stringify(head).replaceAll('\\', ''))) break;
      await pause(LOOK_MS);
    }
    // The last tick still answers its machine, and the last events are taken in.
    await pause(1_500);
    if (this.jobs.failures.length > 0) throw new TypeError(this.jobs.failures.join('\n'));
    if (new Set(this.jobs.claimed).size !== this.jobs.claimed.length)
      throw new TypeError('an attempt was worked on twice');
  }
}

const node = (id: string, more = ''): string =>
  `  - { id: ${id}, ${more}steps: [{ command: "true" }] }`;
const pipeline = (id: string, nodes: readonly string[]): string =>
  `id: ${id}\nnodes:\n${nodes.join('\n')}\n`;

export const wide = (count: number): string =>
  pipeline(
    'wide',
    Array.from({ length: count }, (_, index) => node(`n${index}`)),
  );
export const chain = (count: number): string =>
  pipeline(
    'chain',
    Array.from({ length: count }, (_, index) =>
      node(`n${index}`, index === 0 ? '' : `needs: [n${index - 1}], `),
    ),
  );

export interface Walked extends Used {
  readonly seconds: number;
  /** Milliseconds from the report of each node to the submission of the next one. */
  readonly latencies: readonly number[];
}

/** One run from its start to its end. Outcomes arrive at this rate a second, where one is given. */
export async function walked(bench: Bench, source: string, rate?: number): Promise<Walked> {
  const stretch = new Stretch(bench.cloud, bench.hands);
  const before = bench.cloud.batch.submittedAt.length;
  const began = performance.now();
  let next = 0;
  let first = 0;
  const run = await bench.start(source, async () => {
    if (rate === undefined) return DONE;
    if (next === 0) first = performance.now();
    const at = first + (1_000 / rate) * next++;
    await pause(Math.max(0, at - performance.now()));
    return DONE;
  });
  await bench.ended(run);
  const seconds = (performance.now() - began) / 1_000;
  const reported = [...bench.jobs.reportedAt.values()];
  const submitted = bench.cloud.batch.submittedAt.slice(before + 1);
  const latencies = submitted.map((at, index) => at - (reported[index] ?? Number.NaN));
  return { ...(await stretch.used([run])), seconds, latencies };
}

/**
 * An hour of a run that waits for a person: its tick is called once, its alarm hops, sweeps look at it. Counted one by one, then a month of
 * that. Nobody waits an hour here, so what a time-out of the machine is comes from its definition: a retry, and now and then another round.
 */
export async function idleMonth(bench: Bench): Promise<Usage> {
  const run = await bench.start(
    'id: idle\nnodes:\n  - { id: review, approval: { deadline: 14d, onDeadline: reject } }\n',
  );
  const token = await waitFor(() => bench.hands.token(run));
  await pause(1_000);
  const stretch = new Stretch(bench.cloud, bench.hands);
  for (let sweep = 0; sweep < SWEEPS_AN_HOUR; sweep += 1) await bench.hands.sweep();
  const [head] = await bench.hands.items(run, 'HEAD');
  const at = Number(head?.['wakeAt']?.N);
  const body = JSON.stringify({ v: 1, namespace: 'default', run, at });
  for (let hop = 0; hop < HOPS_AN_HOUR; hop += 1) {
    const Records = [{ messageId: `m${hop}`, body, attributes: {} }];
    await bench.hands.call('alarm', { Records });
  }
  await bench.hands.wake(token);
  await waitFor(async () => {
    const now = await bench.hands.token(run);
    return now === token ? undefined : now;
  });
  await pause(1_000);
  const hour = await stretch.used([run]);
  const transitions = (limits.tickTimeouts + 2) / (limits.tickTimeouts + 1);
  await bench.cloud.api.steer(run, 'cancel');
  return times({ ...hour.usage, transitions }, HOURS_OF_A_MONTH);
}

async function waitFor<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(100);
  }
}

/**
 * Seconds until all instances are submitted, and until all of them are cancelled. The bus hears nothing of how these jobs end: what it would hear
 * counts for nothing any more, but the emulator would call a function for each on the same two cores at the same time.
 */
export async function fanOut(
  bench: Bench,
  count: number,
): Promise<{ submitted: number; cancelled: number; submissions: number }> {
  const { batch } = bench.cloud;
  const before = batch.jobs.length;
  const submissions = batch.submitted.length;
  batch.hold(true);
  batch.faults.events = () => [];
  const list = JSON.stringify(Array.from({ length: count }, (_, index) => index));
  const began = performance.now();
  const run = await bench.start(`id: fan\nnodes:\n${node('each', `forEach: ${list}, `)}\n`);
  const ours = () => batch.jobs.slice(before).filter(({ children }) => children.length === 0);
  while (ours().length < count) await pause(20);
  const submitted = (performance.now() - began) / 1_000;
  const asked = performance.now();
  await bench.cloud.api.steer(run, 'cancel');
  await bench.ended(run);
  while (!ours().every(({ over }) => over)) await pause(20);
  const cancelled = (performance.now() - asked) / 1_000;
  batch.hold(false);
  batch.faults.events = undefined;
  return { submitted, cancelled, submissions: batch.submitted.length - submissions };
}

export interface Beside {
  /** Write units of a node of a short chain. */
  readonly units: number;
  /** Bytes of what the machine calls a tick with. */
  readonly order: number;
}

/** What a short chain uses in a graph with so many other nodes that wait. */
export async function chainBeside(bench: Bench, others: number): Promise<Beside> {
  const STEPS = 10;
  const links = Array.from({ length: STEPS }, (_, index) =>
    node(`c${index}`, index === 0 ? '' : `needs: [c${index - 1}], `),
  );
  const rest = Array.from({ length: others }, (_, index) => node(`w${index}`, 'needs: [last], '));
  const last = node('last', `needs: [c${STEPS - 1}], `);
  let stretch: Stretch | undefined;
  const run = await bench.start(pipeline('beside', [...links, last, ...rest]), async (address) => {
    // The first ticks make what is there only once.
    if (address === 'c0') stretch = new Stretch(bench.cloud, bench.hands);
    if (address === 'last') await new Promise(() => {});
    return DONE;
  });
  await waitFor(async () => (bench.jobs.claimed.includes('last 1') ? true : undefined));
  await pause(1_000);
  const used = await stretch?.used([]);
  const token = await waitFor(() => bench.hands.token(run));
  const order = { namespace: 'default', run, walk: 0, tick: STEPS, retry: 0, token };
  await bench.cloud.api.steer(run, 'cancel');
  return {
    units: (used?.usage.writeUnits ?? Number.NaN) / STEPS,
    order: Buffer.byteLength(JSON.stringify(order)),
  };
}
