// A sign, a colour and a word for every status.
import type { ShownStatus } from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { Palette } from './palette.ts';

type Status = ShownStatus | RunStatus;
type Colour = 'green' | 'red' | 'yellow' | 'cyan' | 'dim';

const MARKS: Readonly<Record<Status, readonly [string, Colour]>> = {
  pending: ['○', 'dim'],
  queued: ['◌', 'yellow'],
  running: ['●', 'cyan'],
  paused: ['‖', 'yellow'],
  halted: ['!', 'red'],
  completed: ['✓', 'green'],
  failed: ['✗', 'red'],
  timed_out: ['✗', 'red'],
  cancelled: ['✗', 'yellow'],
  skipped: ['–', 'dim'],
};

export function mark(status: Status, paint: Palette): string {
  const [sign, colour] = MARKS[status];
  return paint[colour](sign);
}

export function statusWord(status: Status, paint: Palette): string {
  return paint[MARKS[status][1]](status.replace('_', ' '));
}

export function signOf(status: Status): string {
  return MARKS[status][0];
}

export function colourOf(status: Status): Colour {
  return MARKS[status][1];
}

/** `5 completed, 1 failed` */
export function tally(statuses: Iterable<ShownStatus>): string {
  const counts = new Map<ShownStatus, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return spellCounts(counts);
}

export function spellCounts(counts: ReadonlyMap<ShownStatus, number>): string {
  return [...counts].map(([status, count]) => `${count} ${status.replace('_', ' ')}`).join(', ');
}
