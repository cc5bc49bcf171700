// A status as a word in its colour.
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
