// The bars of a timeline, as drawings of a thousand units from the beginning of the run to its end.
import type { NodeReport, OperatorReport } from '#schemas/report.ts';
import { spell } from '../render/words.ts';
import type { Instances } from './instances.ts';
import { type Markup, markup } from './markup.ts';
import { classOf } from './status.ts';
import type { Span } from './times.ts';

export interface Scale {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

const WIDTH = 1000;
const HEIGHT = 16;
const LEAST = 3;
const COLUMNS = 100;
const TRACE = 0.001;

/** One attempt after the other; what it waited for room, and between two attempts, is pale. */
export function nodeBar(node: NodeReport, spans: readonly Span[], scale: Scale): Markup {
  const parts: Markup[] = [];
  let before: number | undefined;
  spans.forEach((span, at) => {
    const { from, to = scale.to } = span;
    if (before !== undefined) parts.push(piece('wait', { from: before, to: from }, scale));
    const program = at === spans.length - 1 ? firstStep(node) : undefined;
    const began = program === undefined ? from : Math.min(to, Math.max(from, program));
    if (began - from > 0) parts.push(piece('wait', { from, to: began }, scale));
    const how = span.how === 'retrying' ? 'again' : (span.how ?? 'running');
    parts.push(piece(how, { from: began, to }, scale));
    before = to;
  });
  return drawing(parts);
}

/** From the first start of its program to its last end. */
export function operatorBar(operator: OperatorReport, scale: Scale): Markup {
  const { startedAt, endedAt, status } = operator;
  if (startedAt === undefined) return drawing([]);
  const to = endedAt === undefined ? scale.to : Date.parse(endedAt);
  return drawing([piece(status, { from: Date.parse(startedAt), to }, scale)]);
}

/** When the first program of the last attempt began. */
function firstStep(node: NodeReport): number | undefined {
  const began = node.steps?.find(({ startedAt }) => startedAt !== undefined)?.startedAt;
  return began === undefined ? undefined : Date.parse(began);
}

/** How long an attempt waited on its machine before its first program began, milliseconds. */
export function waitedOf(node: NodeReport, spans: readonly Span[]): number | undefined {
  const [began, last] = [firstStep(node), spans.at(-1)];
  if (began === undefined || last === undefined) return undefined;
  return Math.max(0, began - last.from);
}

/** As many as worked at a time stand above each other; where one failed there is a red foot. */
export function instancesBar(node: NodeReport, found: Instances, scale: Scale): Markup {
  const working = workingIn(found.spans, scale);
  const failed = new Set(
    found.spans.flatMap(({ to, how }) =>
      to === undefined || (how !== 'failed' && how !== 'timed_out') ? [] : [columnOf(to, scale)],
    ),
  );
  const highest = working.reduce((most, count) => Math.max(most, count), 0);
  const step = WIDTH / COLUMNS;
  const how = node.endedAt === undefined ? 'running' : 'completed';
  const column = (at: number, height: number, status: string) =>
    markup`<rect class="${classOf(status)}" x="${(at * step).toFixed(1)}" y="${(HEIGHT - height).toFixed(1)}" width="${step}" height="${height.toFixed(1)}"/>`;
  const parts = working.flatMap((count, at) => {
    if (count === 0) return [];
    const all = column(at, Math.max(LEAST, (HEIGHT * count) / highest), how);
    return failed.has(at) ? [all, column(at, LEAST, 'failed')] : [all];
  });
  return drawing([
    ...parts,
    markup`<title>at most ${mostAtOnce(found.spans, scale)} at a time</title>`,
  ]);
}

function columnOf(at: number, scale: Scale): number {
  const column = Math.floor(((at - scale.from) / lengthOf(scale)) * COLUMNS);
  return Math.max(0, Math.min(COLUMNS - 1, column));
}

/** How many worked in each column, on average: one that worked for half of it counts a half. */
function workingIn(spans: readonly Span[], scale: Scale): readonly number[] {
  const working = new Array<number>(COLUMNS).fill(0);
  const width = lengthOf(scale) / COLUMNS;
  for (const { from, to = scale.to } of spans) {
    const last = columnOf(to, scale);
    for (let at = columnOf(from, scale); at <= last; at += 1) {
      const left = scale.from + at * width;
      const share = (Math.min(to, left + width) - Math.max(from, left)) / width;
      // What took no time at all is seen all the same.
      working[at] = (working[at] ?? 0) + Math.max(TRACE, share);
    }
  }
  return working;
}

/** How many worked at the same moment. One that begins when another ends does not work beside it. */
function mostAtOnce(spans: readonly Span[], scale: Scale): number {
  const starts = spans.map(({ from }) => from).sort((a, b) => a - b);
  const ends = spans.map(({ to }) => to ?? scale.to).sort((a, b) => a - b);
  let [most, ended] = [0, 0];
  starts.forEach((start, begun) => {
    while ((ends[ended] ?? Number.POSITIVE_INFINITY) <= start && ended < begun) ended += 1;
    most = Math.max(most, begun + 1 - ended);
  });
  return most;
}

function piece(how: string, span: Required<Pick<Span, 'from' | 'to'>>, scale: Scale): Markup {
  const x = place(span.from, scale);
  const width = Math.max(how === 'wait' ? 0 : LEAST, place(span.to, scale) - x);
  const title = `${how === 'wait' ? 'waited' : how.replace('_', ' ')} ${spell(span.to - span.from)}, from ${spell(span.from - scale.from)} on`;
  const left = Math.min(x, WIDTH - LEAST);
  return markup`<rect class="${classOf(how)}" x="${left.toFixed(1)}" y="${how === 'wait' ? 5 : 2}" width="${width.toFixed(1)}" height="${how === 'wait' ? 6 : 12}"><title>${title}</title></rect>`;
}

function place(at: number, scale: Scale): number {
  return Math.min(WIDTH, Math.max(0, ((at - scale.from) / lengthOf(scale)) * WIDTH));
}

function lengthOf(scale: Scale): number {
  return Math.max(1, scale.to - scale.from);
}

function drawing(parts: readonly Markup[]): Markup {
  return markup`<svg class="bar" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${parts}</svg>`;
}
