// A status as a word in its colour, and many of them counted.
import type { ShownStatus } from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import { signOf } from '../render/marks.ts';
import { type Markup, markup } from './markup.ts';

export function statusMark(status: ShownStatus | RunStatus): Markup {
  return markup`<span class="status ${classOf(status)}">${signOf(status)} ${status.replace('_', ' ')}</span>`;
}

/** A class of our own for every status; letters only, whatever came. */
export function classOf(status: string): string {
  return `is-${status.replaceAll(/[^a-z]/g, '')}`;
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
