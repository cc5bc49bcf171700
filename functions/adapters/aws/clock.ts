// The time of the machine that a function runs on; all of AWS keeps to the same.
import type { Clock } from '#ports/small.ts';

export const systemClock: Clock = { now: () => Date.now() };
