// What must hold of a run that is over, on what the table keeps of it.
import { isDeepStrictEqual } from 'node:util';
import { encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { initialState } from '#core/walk/state.ts';
import { Defect } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Alarms } from '#ports/small.ts';
import { limits } from '#schemas/limits.ts';
import { fact } from '#schemas/run.ts';
import { tableBells } from '#service/bell.ts';
import { activeKey, chunkKey, LOG, type RunRef, runKey, summaryKey } from '#service/keys.ts';
import { hold, loadRun } from '#service/load-run.ts';
import { createService } from '#service/service.ts';
import type { Sketch } from '#support/sketch.ts';
import type { Ledger } from './walk-ledger.ts';
import { checkEnds, compare } from './walk-verdict.ts';
import type { WorldPorts } from './world-ports.ts';

export const NO_ALARMS: Alarms = { wake: async () => {} };
export const IDLE_JOBS: Jobs = {
  start: async () => {},
  stop: async () => {},
  adopt: async () => [],
};

export interface FinishedRun {
  readonly sketch: Sketch;
  readonly ref: RunRef;
  readonly ports: WorldPorts;
  readonly ledger: Ledger;
  /** What it comes to depends on nothing but the script. */
  readonly settled: boolean;
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
