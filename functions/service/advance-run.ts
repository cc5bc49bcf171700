// Advances a run: load, walk, save, perform, park. The recipe of the design, step by step; the numbers stand beside the code.
// Keeps S1, H1 to H5. Knows nothing of how work is done, and decides nothing itself.
import { nextDeadline } from '#core/walk/timers.ts';
import { view } from '#core/walk/view.ts';
import { Conflict, MillraceError } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Command } from '#schemas/run.ts';
import { type Bell, hasFailed } from './bell.ts';
import { INBOX, quarantineKey, type RunRef, runKey } from './keys.ts';
import { hold, type LoadedRun, loadRun } from './load-run.ts';
import { performOutbox } from './perform.ts';
import { saveWalk } from './save-walk.ts';
import type { Held, Service } from './service.ts';
import { type AdvanceOptions, batchOf, readInbox, takeEvents } from './take-events.ts';
import { type Walked, walkOn } from './walk-run.ts';

/**
 * `parked`: waits to be rung. `unfinished`: there is more to do, for another call; it was rung. `left`: a later walk has taken over.
 * `done`: the run has ended and all is performed.
 */
export type Advanced = 'parked' | 'unfinished' | 'left' | 'done' | 'halted' | 'gone';

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
  const progress: Progress = { performed: -1, conflicts: 0, saved: false, heard: false, share: 1 };
  for (let round = 0; round < limits.advanceRounds; round += 1) {
    if (round > 0 && options.enough?.() === true) break;
    const bell = await service.bells.read(ref); // 1
    if (bell === undefined) return 'gone';
    if (bell.halted !== undefined) return 'halted';
    const turn = await takeTurn(held, bell, options, progress); // 2 to 7
    if (turn === 'again') continue;
    if (progress.heard && (await newsSoon(held, bell, options, turn.live))) continue;
    const parked = await park(held, { bell, options, savedSomething: progress.saved, ...turn }); // 8
    if (parked !== undefined) return parked;
  }
  return await leave(held, options, progress);
}

/** Bounds are used up: another call goes on from here. */
async function leave(
  { service, ref }: Held,
  { gen }: AdvanceOptions,
  { performed, saved }: Progress,
): Promise<Advanced> {
  // Nothing was loaded, or another one saves faster than this one: what is performed is for others to say.
  if (performed < 0) {
    await service.bells.ring(ref);
    return 'unfinished';
  }
  if ((await service.bells.leave(ref, { gen, performed })) === 'left') return 'unfinished';
  if (saved) await service.bells.ring(ref);
  return 'left';
}

/**
 * Where many attempts are live and some have just ended, the end of the next one is near: waiting for it costs less than to park and to be woken. True when
 * somebody has rung.
 */
async function newsSoon(
  { service, ref }: Held,
  bell: Bell,
  { sleep, enough, lingerLive = limits.lingerLive }: AdvanceOptions,
  live: number,
): Promise<boolean> {
  if (sleep === undefined || live < lingerLive) return false;
  for (let waited = 0; waited < limits.linger; waited += limits.lingerInterval) {
    if (enough?.() === true) return false;
    await sleep(limits.lingerInterval);
    const seen = await service.bells.read(ref);
    if (seen?.rings !== bell.rings) return true;
  }
  return false;
}

/** How far one call of `advanceRun` has come. */
interface Progress {
  /** The sequence up to which this call performed. */
  performed: number;
  conflicts: number;
  saved: boolean;
  /** Something was taken in. */
  heard: boolean;
  /** Of what a round may take in and change. Halved when what it came to did not go into one transaction. */
  share: number;
}

/** One round: load, walk, save, perform. Answers where to park when there is nothing to do now. */
async function takeTurn(
  held: Held,
  bell: Bell,
  options: AdvanceOptions,
  progress: Progress,
): Promise<'again' | Rest> {
  const { service, ref } = held;
  const batch = batchOf(service, bell, progress.share);
  const { items: inbox, more } = await readInbox(service, ref, batch); // 2
  const loaded = await loadRun(held); // 3
  if (Math.max(bell.performed, progress.performed) < loaded.sequence) {
    await performOutbox(held, loaded.state, loaded.outbox, { again: true }); // 4
    progress.performed = loaded.sequence;
  }
  const taken = takeEvents(inbox, bell, { ...options, batch });
  progress.heard ||= inbox.length > 0;
  const { share } = progress;
  const { alarm: since = 0 } = bell;
  const result = withAlarm(loaded, await walkOn(held, loaded, taken.events, { share, since })); // 5
  const isAlarm = ({ command }: Command): boolean => command === 'wake-at';
  const idle =
    result.changed.length === 0 && result.facts.length === 0 && !result.commands.some(isAlarm);
  if (idle && inbox.length === 0 && taken.fresh.length === 0) {
    if (result.more) return 'again';
    return restOf(held, loaded.sequence, result);
  }
  const next = await saveWalk(held, { loaded, result, taken, options, share }); // 6
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
  const full = more || inbox.length + taken.fresh.length >= batch;
  if (result.more || full) return 'again';
  return restOf(held, next, result);
}

/** Nothing is left to do now. */
interface Rest {
  readonly performed: number;
  readonly end: string | undefined;
  /** Attempts that are live. */
  readonly live: number;
}

const restOf = ({ memory }: Held, performed: number, { state }: Walked): Rest => ({
  performed,
  end: view(memory.linked.graph, state).end,
  live: state.head.live,
});

/**
 * A run has one alarm. It is asked for when none is set, or when there is an earlier deadline than the one it is set for. One that
 * turns out too early is set anew when it has rung: that costs less than to follow each deadline that comes and goes.
 */
function withAlarm({ wakeAt }: LoadedRun, walked: Walked): Walked {
  const { now, state } = walked;
  const due = nextDeadline(state, Math.max(now, state.head.now));
  const isSet = due === undefined || (wakeAt !== undefined && wakeAt > now && wakeAt <= due);
  const others = walked.commands.filter(({ command }) => command !== 'wake-at');
  return { ...walked, commands: isSet ? others : [...others, { command: 'wake-at', at: due }] };
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
  if (hasFailed(bell)) await service.bells.clear(ref);
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
 * Counts a failed advance; at the fifth in a row the run is halted. An inbox item that fails alone is set aside first. What does not
 * answer for a while does not speak against the run: it is halted much later then.
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
  const unanswered = error instanceof MillraceError && error.family === 'transient';
  const halt = unanswered
    ? bell.unanswered + 1 >= limits.unansweredAdvances
    : bell.failed + 1 >= limits.failedAdvances;
  const halted = message.slice(0, limits.messageLength);
  await service.bells.fail(ref, { unanswered, ...(halt ? { halted } : {}) });
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
