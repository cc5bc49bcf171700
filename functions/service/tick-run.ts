// One tick of a run's walk, where a machine calls it and waits on a token for its answer. Whoever rings a tick that has parked answers for it.
import { NotFound, Transient } from '#errors/families.ts';
import type { Walks } from '#ports/small.ts';
import { limits } from '#schemas/limits.ts';
import type { TickDecision, TickOrder } from '#schemas/walker.ts';
import { type Advanced, advanceFailed, advanceRun } from './advance-run.ts';
import { genOf } from './generation.ts';
import type { RunRef } from './keys.ts';
import type { Service } from './service.ts';

export interface TickParts {
  readonly service: Service;
  readonly walks: Walks;
  /** Milliseconds until whoever ticks is ended from outside. */
  readonly remaining: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Live attempts from which on it waits for news before it parks; `limits.lingerLive` when nothing is said. */
  readonly lingerLive?: number;
}

/** What a tick came to, and what an advance failed with. */
export type Ticked =
  | { readonly came: Advanced }
  | { readonly came: 'failed' | 'halted'; readonly error: unknown };

/**
 * Advances a run and answers the machine. Rejects only when not even a failure could be noted or answered: then the machine tries
 * the same tick again.
 */
export async function tickRun(parts: TickParts, order: TickOrder): Promise<Ticked> {
  const { service, walks, remaining, sleep, lingerLive = limits.lingerLive } = parts;
  const { token, namespace, run } = order;
  const ref: RunRef = { namespace, run };
  const enough = (): boolean => remaining() < limits.tickReserve;
  let came: Advanced;
  try {
    const options = { gen: genOf(order), token, enough, sleep, lingerLive };
    came = await advanceRun(service, ref, options);
  } catch (error) {
    return failed(parts, { ref, token }, error);
  }
  const decision = decisionOf(came);
  if (decision !== undefined) await walks.answer(token, decision);
  return { came };
}

/** A tick that has parked is answered by whoever rings. */
function decisionOf(came: Advanced): TickDecision | undefined {
  switch (came) {
    case 'parked':
      return undefined;
    case 'unfinished':
      return { next: 'tick' };
    case 'halted':
      return { next: 'fail', because: 'the run is halted' };
    // Of a run that a later walk has taken over, or that is gone, nothing is left to do here.
    default:
      return { next: 'done' };
  }
}

async function failed(
  { service, walks, remaining, sleep }: TickParts,
  { ref, token }: { readonly ref: RunRef; readonly token: string },
  error: unknown,
): Promise<Ticked> {
  if (error instanceof NotFound && (await service.bells.read(ref)) === undefined) {
    await walks.answer(token, { next: 'done' });
    return { came: 'gone' };
  }
  const verdict = await advanceFailed(service, ref, error);
  if (verdict === 'halted') {
    await walks.answer(token, { next: 'fail', because: becauseOf(error) });
    return { came: 'halted', error };
  }
  // Whoever does not answer is given time; waiting makes nothing else better.
  const waits = error instanceof Transient ? ((await service.bells.read(ref))?.unanswered ?? 1) : 1;
  const pause = Math.min(limits.tickPauseMax, limits.tickPause * 4 ** Math.min(waits - 1, 8));
  await sleep(Math.max(0, Math.min(pause, remaining() - limits.tickReserve)));
  await walks.answer(token, { next: 'tick' });
  return { came: 'failed', error };
}

/** Short enough for the machine, however the text is written in JSON. */
const becauseOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, limits.tickBytes / 8);
