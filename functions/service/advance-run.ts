// Advances a run: load, walk, save, perform, park. The recipe of the design, step by step; the numbers stand beside the code.
// Keeps S1, H1 to H5. Knows nothing of how work is done, and decides nothing itself.
import { encode, encodeChunk } from '#core/walk/codec.ts';
import type { WalkResult } from '#core/walk/types.ts';
import { nodeView, view } from '#core/walk/view.ts';
import { walk } from '#core/walk/walk.ts';
import { Conflict, Defect, MillraceError } from '#errors/families.ts';
import type { Item, Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type Command, type WalkEvent, walkEvent } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import type { Bell } from './bell.ts';
import {
  addressOf,
  attemptKey,
  chunkKey,
  headKey,
  INBOX,
  logKey,
  quarantineKey,
  type RunRef,
  runKey,
  splitAddress,
} from './keys.ts';
import { hold, type LoadedRun, loadRun } from './load-run.ts';
import { systemOf } from './orders.ts';
import {
  addressesOf,
  getAll,
  loadList,
  loadOutputs,
  readOutputs,
  rememberedList,
} from './outputs.ts';
import { offeredAttempt, performOutbox } from './perform.ts';
import type { ToldReport } from './report-attempt.ts';
import type { Held, Service } from './service.ts';

/** A report that the engine in the same process takes in with the advance itself: result and advance are one transaction. */
export type FreshReport = ToldReport;

export interface AdvanceOptions {
  /** Of this walk, tick and retry: never falls. */
  readonly gen: number;
  /** What wakes this walk when it sleeps. */
  readonly token: string;
  /** Takes up to `count` reports that wait in this process. Those it gave are durable when `advanceRun` asks again or returns. */
  readonly take?: (count: number) => readonly FreshReport[];
  /** Gives back what was taken and not saved. */
  readonly giveBack?: (reports: readonly FreshReport[]) => void;
  /** These were saved, or count for nothing any more. */
  readonly saved?: (reports: readonly FreshReport[]) => void;
}

/** `parked`: waits to be rung. `left`: a later walk has taken over. `done`: the run has ended and all is performed. */
export type Advanced = 'parked' | 'left' | 'done' | 'halted' | 'gone';

interface Taken {
  readonly inbox: readonly Item[];
  readonly fresh: readonly FreshReport[];
  readonly events: readonly WalkEvent[];
}

/**
 * Takes a run as far as it can go now.
 *
 * Safe to call at any time, from several processes at once, and after a crash at any point. Rejects with what a port
 * rejected with, when it is not a lost race; everything that was saved stays.
 */
export async function advanceRun(
  service: Service,
  ref: RunRef,
  options: AdvanceOptions,
): Promise<Advanced> {
  const held = await hold(service, ref);
  const progress: Progress = { performed: -1, conflicts: 0, saved: false };
  for (let round = 0; round < limits.advanceRounds; round += 1) {
    const bell = await service.bells.read(ref); // 1
    if (bell === undefined) return 'gone';
    if (bell.halted !== undefined) return 'halted';
    const turn = await takeTurn(held, bell, options, progress); // 2 to 7
    if (turn === 'again') continue;
    const parked = await park(held, { bell, options, savedSomething: progress.saved, ...turn }); // 8
    if (parked !== undefined) return parked;
  }
  await service.bells.ring(ref);
  return 'left';
}

/** How far one call of `advanceRun` has come. */
interface Progress {
  /** The sequence up to which this call performed. */
  performed: number;
  conflicts: number;
  saved: boolean;
}

/** One round: load, walk, save, perform. Answers where to park when there is nothing to do now. */
async function takeTurn(
  held: Held,
  bell: Bell,
  options: AdvanceOptions,
  progress: Progress,
): Promise<'again' | { performed: number; end: string | undefined }> {
  const { service, ref, memory } = held;
  const inbox = await readInbox(service, ref, bell); // 2
  const loaded = await loadRun(held); // 3
  if (Math.max(bell.performed, progress.performed) < loaded.sequence) {
    await performOutbox(held, loaded.state, loaded.outbox, { again: true }); // 4
    progress.performed = loaded.sequence;
  }
  const taken = takeEvents(service, inbox, bell, options);
  const result = await walkOn(held, loaded, taken.events); // 5
  const idle = result.changed.length === 0 && result.facts.length === 0;
  if (idle && inbox.length === 0 && taken.fresh.length === 0) {
    if (result.more) return 'again';
    return { performed: loaded.sequence, end: view(memory.linked.graph, result.state).end };
  }
  const next = await save(held, { loaded, result, taken, options }); // 6
  if (next === undefined) {
    progress.conflicts += 1;
    if (progress.conflicts <= limits.advanceConflicts) return 'again';
    throw new Conflict('busy', `run ${ref.run} is being advanced by somebody else`);
  }
  progress.conflicts = 0;
  progress.saved = true;
  await performOutbox(held, result.state, result.commands, { again: false }); // 7
  progress.performed = next;
  return 'again';
}

interface Parking {
  readonly bell: Bell;
  readonly options: AdvanceOptions;
  readonly performed: number;
  readonly savedSomething: boolean;
  readonly end: string | undefined;
}

async function park(held: Held, parking: Parking): Promise<Advanced | undefined> {
  const { service, ref } = held;
  const { bell, options } = parking;
  if (bell.failed > 0) await service.bells.clear(ref);
  const answer = await service.bells.park(ref, {
    rings: bell.rings,
    gen: options.gen,
    performed: parking.performed,
    token: options.token,
  });
  if (answer === 'rung') return undefined;
  if (answer === 'parked') return parking.end === undefined ? 'parked' : 'done';
  // A later walk may have read before this one saved: it must look again.
  if (parking.savedSomething) await service.bells.ring(ref);
  return 'left';
}

/** Fewer after each failure, so that one item that cannot be taken in stands alone in the end. */
const batchOf = (service: Service, bell: Bell): number =>
  Math.max(1, Math.floor(service.table.bounds.advanceOutcomes / 4 ** bell.failed));

async function readInbox(service: Service, ref: RunRef, bell: Bell): Promise<readonly Item[]> {
  const page = await service.table.query({
    pk: runKey(ref),
    prefix: INBOX,
    limit: batchOf(service, bell),
  });
  return page.items;
}

function takeEvents(
  service: Service,
  inbox: readonly Item[],
  bell: Bell,
  options: AdvanceOptions,
): Taken {
  const fresh = options.take?.(Math.max(0, batchOf(service, bell) - inbox.length)) ?? [];
  const events: WalkEvent[] = fresh.map(({ name, report }) => ({
    event: 'outcome',
    ...splitAddress(name.address),
    attempt: name.attempt,
    result: report.result,
  }));
  const external: { at: number; event: WalkEvent }[] = [];
  for (const item of inbox) {
    const parsed = walkEvent.parse(item['event']);
    if (parsed.event === 'external') external.push({ at: Number(item['at']), event: parsed });
    else events.push(parsed);
  }
  external.sort((left, right) => left.at - right.at);
  events.push(...external.map(({ event }) => event), { event: 'wanted', wanted: bell.wanted });
  return { inbox, fresh, events };
}

/** Walks, and loads what the walk says it lacks until it lacks nothing. */
async function walkOn(
  held: Held,
  loaded: LoadedRun,
  events: readonly WalkEvent[],
): Promise<WalkResult> {
  const { service, ref, memory } = held;
  const fresh = freshOutputs(held, loaded, events);
  const { bounds } = service.table;
  for (let round = 0; round < limits.advanceRounds; round += 1) {
    const result = walk(memory.linked.graph, loaded.state, events, {
      now: service.clock.now(),
      run: ref.run,
      namespace: ref.namespace,
      inputs: memory.start.inputs,
      system: systemOf(memory.start),
      outputs: (node) => fresh.get(node) ?? memory.outputs.get(node),
      list: (value) => rememberedList(memory, value),
      bounds: { starts: bounds.advanceStarts, changes: limits.advanceChanges },
    });
    if (result.missing.length === 0) {
      keepOutputs(held, result, fresh);
      return result;
    }
    for (const lack of result.missing) {
      if ('node' in lack) fresh.set(lack.node, await outputsFor(held, loaded, lack.node, fresh));
      else await loadList(held, lack.ref);
    }
  }
  throw new Defect(`the walk of run ${ref.run} never has what it lacks`);
}

/** A forEach node that ends in this very walk is not stored yet, nor are the last of its instances. */
function outputsFor(
  held: Held,
  loaded: LoadedRun,
  node: string,
  fresh: ReadonlyMap<string, Outputs>,
): Promise<Outputs> {
  const { status } = nodeView(held.memory.linked.graph, loaded.state, node);
  return status === 'completed'
    ? loadOutputs(held, loaded.state, node)
    : readOutputs(held, loaded.state, node, fresh);
}

/** Outputs that just came from live attempts, by address: they are not stored before this walk is saved. */
function freshOutputs(
  held: Held,
  loaded: LoadedRun,
  events: readonly WalkEvent[],
): Map<string, Outputs> {
  const fresh = new Map<string, Outputs>();
  const { graph } = held.memory.linked;
  for (const event of events) {
    if (event.event !== 'outcome' || event.result.result !== 'completed') continue;
    const { node, instance } = event;
    if (nodeView(graph, loaded.state, node, instance).attempt !== event.attempt) continue;
    fresh.set(addressOf(node, instance), event.result.outputs);
  }
  return fresh;
}

/** A node that completed never changes (W4), so what it gave can be remembered. */
function keepOutputs(held: Held, result: WalkResult, fresh: ReadonlyMap<string, Outputs>): void {
  const { outputs } = held.memory;
  if (outputs.size > limits.rememberedOutputs) outputs.clear();
  for (const fact of result.facts) {
    if (fact.fact !== 'ended' || fact.status !== 'completed' || fact.instances !== undefined)
      continue;
    const found = fresh.get(fact.node);
    if (found !== undefined) outputs.set(fact.node, found);
  }
}

interface Saving {
  readonly loaded: LoadedRun;
  readonly result: WalkResult;
  readonly taken: Taken;
  readonly options: AdvanceOptions;
}

/** Answers the new sequence, or undefined after a lost race. */
async function save(held: Held, saving: Saving): Promise<number | undefined> {
  const { service, ref, memory } = held;
  const { loaded, result, taken, options } = saving;
  const sequence = loaded.sequence + 1;
  const writes: Write[] = [
    {
      write: 'put',
      item: {
        ...headKey(ref),
        v: FORMAT,
        sequence,
        outbox: result.commands,
        head: encode(result.state).head,
      },
      if: { exists: true, equals: { sequence: loaded.sequence } },
    },
    ...result.changed.map(
      (key): Write => ({
        write: 'put',
        item: { ...chunkKey(ref, key), v: FORMAT, data: encodeChunk(result.state, key) },
      }),
    ),
    ...taken.inbox.map((item): Write => ({ write: 'delete', key: item, if: { exists: true } })),
    ...taken.fresh.map((fresh): Write => reportWrite(ref, fresh)),
  ];
  if (result.facts.length > 0)
    writes.push({
      write: 'put',
      item: { ...logKey(ref, sequence), v: FORMAT, facts: result.facts },
      if: { exists: false },
    });
  const offers = offersOf(service, ref, result.commands);
  if (writes.length + offers.length <= service.table.bounds.transactItems) writes.push(...offers);
  try {
    await service.table.transact(writes);
  } catch (error) {
    const lostRace = error instanceof Conflict;
    if (lostRace && taken.fresh.length > 0) await putBack(held, taken.fresh, options);
    else options.giveBack?.(taken.fresh);
    if (!lostRace) throw error;
    memory.saved = undefined;
    return undefined;
  }
  memory.saved = { sequence, state: result.state };
  options.saved?.(taken.fresh);
  service.committed(ref, sequence, result.facts);
  return sequence;
}

/** After a lost race: an attempt that was settled in another way meanwhile would lose the race for ever, so its report counts for nothing. */
async function putBack(
  { service, ref }: Held,
  fresh: readonly FreshReport[],
  options: AdvanceOptions,
): Promise<void> {
  const items = await getAll(
    service.table,
    fresh.map(({ name }) => attemptKey(ref, name.address, name.attempt)),
  );
  const isOpen = ({ job }: FreshReport, index: number): boolean =>
    items[index]?.['status'] === 'claimed' && items[index]['job'] === job;
  options.saved?.(fresh.filter((report, index) => !isOpen(report, index)));
  options.giveBack?.(fresh.filter(isOpen));
}

function reportWrite(ref: RunRef, { job, name, report }: FreshReport): Write {
  return {
    write: 'put',
    item: {
      ...attemptKey(ref, name.address, name.attempt),
      v: FORMAT,
      status: 'reported',
      job,
      attempt: {
        v: FORMAT,
        address: name.address,
        attempt: name.attempt,
        status: 'reported',
        job,
        report,
      },
    },
    if: { exists: true, equals: { status: 'claimed', job } },
  };
}

function offersOf(service: Service, ref: RunRef, commands: readonly Command[]): Write[] {
  if (service.table.bounds.transactItems <= limits.transactItems) return [];
  const offers: Write[] = [];
  for (const command of commands) {
    if (command.command !== 'start-node') continue;
    for (const { address } of addressesOf(command)) {
      offers.push({
        write: 'put',
        item: offeredAttempt(ref, address, command.attempt),
        if: { exists: false },
      });
    }
  }
  return offers;
}

/**
 * Counts a failed advance; at the fifth in a row the run is halted. An inbox item that fails alone is set aside first.
 *
 * @param error what the advance rejected with; only defects speak against the item
 */
export async function advanceFailed(
  service: Service,
  ref: RunRef,
  error: unknown,
): Promise<'again' | 'halted'> {
  const bell = await service.bells.read(ref);
  if (bell === undefined || bell.halted !== undefined) return 'halted';
  const message = error instanceof Error ? error.message : String(error);
  const ours = !(error instanceof MillraceError) || error.family === 'defect';
  if (ours && batchOf(service, bell) === 1) await quarantine(service, ref, message);
  const halt = bell.failed + 1 >= limits.failedAdvances;
  await service.bells.fail(ref, halt ? message.slice(0, limits.messageLength) : undefined);
  return halt ? 'halted' : 'again';
}

async function quarantine(service: Service, ref: RunRef, message: string): Promise<void> {
  const page = await service.table.query({ pk: runKey(ref), prefix: INBOX, limit: 1 });
  const [item] = page.items;
  if (item === undefined) return;
  await service.table.transact([
    { write: 'delete', key: item, if: { exists: true } },
    { write: 'put', item: { ...item, ...quarantineKey(ref, item.sk), message } },
  ]);
}
