// What both simulated worlds share: how a run begins, what is watched while it goes on, and what must hold when it is over.
import { isDeepStrictEqual } from 'node:util';
import { encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { initialState } from '#core/walk/state.ts';
import { Defect } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Alarms } from '#ports/small.ts';
import type { Item, Table } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type AttemptReport, type AttemptResult, command, fact } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { tableBells } from '#service/bell.ts';
import { entryKey } from '#service/cache.ts';
import { cacheKeyOf } from '#service/cache-key.ts';
import { directItem } from '#service/direct.ts';
import {
  activeKey,
  chunkKey,
  INBOX,
  LOG,
  type RunRef,
  runKey,
  splitAddress,
  summaryKey,
} from '#service/keys.ts';
import { hold, loadRun } from '#service/load-run.ts';
import { createService, type Service } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import type { Dice } from '#support/dice.ts';
import { randomOutputs } from '#support/random-conditions.ts';
import type { Sketch, SketchNode } from '#support/sketch.ts';
import { toPlan } from '#support/sketch-text.ts';
import type { Ledger } from './walk-ledger.ts';
import { checkEnds, compare } from './walk-verdict.ts';
import type { WorldPorts } from './world-ports.ts';

export const NO_ALARMS: Alarms = { wake: async () => {} };
export const IDLE_JOBS: Jobs = {
  direct: new Set(),
  start: async () => {},
  stop: async () => {},
  adopt: async () => [],
};

export const nameText = (name: AttemptName): string => `${name.address}#${name.attempt}`;

/** Starts the run of a sketch; nobody walks it yet. */
export async function startedRun(sketch: Sketch, ports: WorldPorts): Promise<RunRef> {
  const bells = tableBells(ports.table, async () => {});
  const service = createService({ ...ports, bells, jobs: IDLE_JOBS, alarms: NO_ALARMS });
  const plan: Json = JSON.parse(JSON.stringify(toPlan(sketch)));
  const timeout = sketch.timeout === undefined ? {} : { timeout: sketch.timeout };
  const ref = await startRun(service, 'default', {
    plan,
    inputs: sketch.inputs,
    sources: {},
    ...timeout,
  });
  await keepEarlier(service, ref, sketch);
  return ref;
}

/** What an earlier run has kept of nodes that are cached. */
async function keepEarlier(service: Service, ref: RunRef, sketch: Sketch): Promise<void> {
  const earlier: RunRef = { ...ref, run: `${'0'.repeat(25)}1` };
  for (const { id, kept, endings } of sketch.nodes) {
    if (kept !== true) continue;
    const held = await hold(service, ref);
    const { state } = await loadRun(held);
    const key = await cacheKeyOf(held, state, { node: id, address: id });
    if (key === undefined || 'why' in key) throw new Defect(`"${id}" has no key`);
    const result = endings[0]?.[0] ?? { result: 'completed', outputs: {} };
    const report: AttemptReport = { result, endedAt: 1 };
    const name = { ...earlier, address: id, attempt: 1 };
    const entry = { run: earlier.run, address: id, attempt: 1 };
    await service.table.transact([
      { write: 'put', item: directItem(earlier, name, report) },
      { write: 'put', item: { ...entryKey(held, id, key.key), v: FORMAT, entry } },
    ]);
  }
}

/** Some nodes of a random sketch complete as an earlier run did; those that it names stay as they are. */
export function withKept(sketch: Sketch, dice: Dice): Sketch {
  const nodes = sketch.nodes.map((node): SketchNode => {
    if (node.kind !== 'steps' || node.forEach !== undefined || !dice.chance(0.2)) return node;
    return {
      ...node,
      kept: true,
      endings: [[{ result: 'completed', outputs: randomOutputs(dice) }]],
    };
  });
  return { ...sketch, nodes };
}

/** A table whose saves of a run's state go through the ledger. What the ledger says against them goes to `fail`, not to who saves. */
export function watched(table: Table, ledger: Ledger, fail: (error: unknown) => void): Table {
  return {
    bounds: table.bounds,
    get: (key) => table.get(key),
    getMany: (keys) => table.getMany(keys),
    query: (query) => table.query(query),
    putIfAbsent: (item) => table.putIfAbsent(item),
    update: (key, changes, condition) => table.update(key, changes, condition),
    transact: async (writes) => {
      await table.transact(writes);
      const put = (prefix: string): Item | undefined =>
        writes.flatMap((each) =>
          each.write === 'put' && each.item.sk.startsWith(prefix) ? [each.item] : [],
        )[0];
      const head = put('HEAD');
      if (head === undefined) return;
      const facts = fact.array().parse(put(LOG)?.['facts'] ?? []);
      try {
        ledger.take(facts, command.array().parse(head['outbox']), table.bounds.advanceStarts);
      } catch (error) {
        fail(error);
      }
    },
  };
}

/** How often the work of each attempt was done: at most once, and only while it is live (H5). */
export class Effects {
  readonly #sketch: Sketch;
  readonly #ledger: Ledger;
  readonly #done = new Set<string>();

  constructor(sketch: Sketch, ledger: Ledger) {
    this.#sketch = sketch;
    this.#ledger = ledger;
  }

  done(name: AttemptName): void {
    const text = nameText(name);
    if (this.#done.has(text)) throw new Defect(`${text} was done twice`);
    this.#done.add(text);
    const { node, instance } = splitAddress(name.address);
    const index = this.#sketch.nodes.findIndex((each) => each.id === node);
    if (this.#sketch.nodes[index]?.kept === true)
      throw new Defect(`${text} is worked, though its result was kept`);
    const live = this.#ledger.live.get(
      instance === undefined ? `${index}` : `${index}[${instance}]`,
    );
    if (live?.attempt !== name.attempt) throw new Defect(`H5: ${text} is done though it is over`);
  }

  /** How the attempt ends when it is left alone. */
  scripted(name: AttemptName): AttemptResult {
    const { node, instance } = splitAddress(name.address);
    const found = this.#sketch.nodes.find((each) => each.id === node);
    const endings = found?.endings[instance ?? 0] ?? [];
    const ending = endings[Math.min(name.attempt, endings.length) - 1];
    if (ending === undefined) throw new Defect(`no ending for ${nameText(name)}`);
    return ending;
  }
}

export interface FinishedRun {
  readonly sketch: Sketch;
  readonly ref: RunRef;
  readonly ports: WorldPorts;
  readonly ledger: Ledger;
  /** What it comes to depends on nothing but the script. */
  readonly settled: boolean;
  /** Nobody died between what he put and the look that follows it. */
  readonly tidy: boolean;
}

/** The run has ended as it must, its end was performed, and the log makes the state (S2). */
export async function checkFinished(finished: FinishedRun): Promise<void> {
  const { sketch, ref, ports, ledger } = finished;
  if (ledger.end === undefined) throw new Defect('done, yet the run has not ended');
  if (finished.settled) compare(sketch, ledger);
  checkEnds(sketch, ledger);
  const summary = await ports.table.get(summaryKey(ref));
  if (summary?.['status'] !== ledger.end.status) throw new Defect('finish-run was not performed');
  if ((await ports.table.get(activeKey(ref))) !== undefined) {
    throw new Defect('still in the index of active runs');
  }
  const told = await ports.table.query({ pk: runKey(ref), prefix: `${INBOX}o#` });
  if (finished.tidy && told.items.length > 0)
    throw new Defect(`H17: left in the inbox: ${told.items.map(({ sk }) => sk).join(' ')}`);
  await checkLog(finished);
}

async function checkLog({ sketch, ref, ports }: FinishedRun): Promise<void> {
  const bells = tableBells(ports.table, async () => {});
  const service = createService({ ...ports, bells, jobs: IDLE_JOBS, alarms: NO_ALARMS });
  const held = await hold(service, ref);
  const { graph } = held.memory.linked;
  const { state } = await loadRun(held);
  const timeout = sketch.timeout ?? sketch.groups[0]?.timeout ?? limits.runTimeout;
  const log = await ports.table.query({ pk: runKey(ref), prefix: LOG, limit: limits.page });
  const facts = log.items.flatMap((item) => fact.array().parse(item['facts']));
  const folded = fold(graph, initialState(graph, { timeout, seeds: [] }), facts);
  if (!isDeepStrictEqual(encode(folded).head, encode(state).head)) {
    throw new Defect('S2: the log does not make the stored head');
  }
  const prefix = chunkKey(ref, '').sk;
  const chunks = await ports.table.query({ pk: runKey(ref), prefix });
  for (const item of chunks.items) {
    const key = item.sk.slice(prefix.length);
    if (!isDeepStrictEqual(encodeChunk(folded, key), item['data'])) {
      throw new Defect(`S2: the log does not make the stored chunk ${key}`);
    }
  }
}
