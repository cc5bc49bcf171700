// Advances a run: load, walk, save, perform, park. The recipe of the design, step by step; the numbers stand beside the code.
// Keeps S1, H1 to H5. Knows nothing of how work is done, and decides nothing itself.
import { view } from '#core/walk/view.ts';
import { Conflict, MillraceError } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Bell } from './bell.ts';
import { INBOX, quarantineKey, type RunRef, runKey } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { performOutbox } from './perform.ts';
import { saveWalk } from './save-walk.ts';
import type { Held, Service } from './service.ts';
import { type AdvanceOptions, batchOf, readInbox, takeEvents } from './take-events.ts';
import { walkOn } from './walk-run.ts';

/** `parked`: waits to be rung. `left`: a later walk has taken over. `done`: the run has ended and all is performed. */
export type Advanced = 'parked' | 'left' | 'done' | 'halted' | 'gone';

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
  const progress: Progress = { performed: -1, conflicts: 0, saved: false, share: 1 };
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
  /** Of what a round may take in and change. Halved when what it came to did not go into one transaction. */
  share: number;
}

/** One round: load, walk, save, perform. Answers where to park when there is nothing to do now. */
async function takeTurn(
  held: Held,
  bell: Bell,
  options: AdvanceOptions,
  progress: Progress,
): Promise<'again' | { performed: number; end: string | undefined }> {
  const { service, ref, memory } = held;
  const batch = batchOf(service, bell, progress.share);
  const inbox = await readInbox(service, ref, batch); // 2
  const loaded = await loadRun(held); // 3
  if (Math.max(bell.performed, progress.performed) < loaded.sequence) {
    await performOutbox(held, loaded.state, loaded.outbox, { again: true }); // 4
    progress.performed = loaded.sequence;
  }
  const taken = takeEvents(inbox, bell, { ...options, batch });
  const result = await walkOn(held, loaded, taken.events, progress.share); // 5
  const idle = result.changed.length === 0 && result.facts.length === 0;
  if (idle && inbox.length === 0 && taken.fresh.length === 0) {
    if (result.more) return 'again';
    return { performed: loaded.sequence, end: view(memory.linked.graph, result.state).end };
  }
  const next = await saveWalk(held, { loaded, result, taken, options, share: progress.share }); // 6
  if (next === 'too_many') {
    progress.share /= 2;
    return 'again';
  }
  if (next === undefined) {
    progress.conflicts += 1;
    if (progress.conflicts <= limits.advanceConflicts) return 'again';
    throw new Conflict('busy', `run ${ref.run} is being advanced by somebody else`);
  }
  progress.conflicts = 0;
  progress.share = Math.min(1, 2 * progress.share);
  progress.saved = true;
  try {
    await performOutbox(held, result.state, result.commands, { again: false }); // 7
  } finally {
    // Work is under way before those who follow the run read what has happened.
    service.committed(ref, next, result.facts);
  }
  progress.performed = next;
  // What was left, by the bounds of a walk or of a batch, is looked at in another round; what came meanwhile rings.
  const full = inbox.length + taken.fresh.length >= batch;
  if (result.more || full) return 'again';
  return { performed: next, end: view(memory.linked.graph, result.state).end };
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
