// Clocks: the one of this machine, and one that tests set.
import type { Clock } from '#ports/small.ts';

/** The time of this machine. */
export const systemClock: Clock = { now: () => Date.now() };

export interface SettableClock extends Clock {
  /** Goes to that time, back as well. */
  set(at: number): void;
  advance(milliseconds: number): void;
}

/** A clock that stands still until it is moved. `moved` is told after each move. */
export function createSettableClock(
  start = 0,
  moved: (now: number) => void = () => {},
): SettableClock {
  let now = start;
  const set = (at: number): void => {
    now = at;
    moved(now);
  };
  return { now: () => now, set, advance: (milliseconds) => set(now + milliseconds) };
}
