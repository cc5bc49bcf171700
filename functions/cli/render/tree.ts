// The tree of a run, from its report: one line a node, folded to what fits. Pure: the caller gives the time and the room.
import type { NodeReport, RunReport, ShownStatus } from '#schemas/report.ts';
import { subRunsOf } from '../below.ts';
import { type Operator, operatorsByNode } from '../operators-by-node.ts';
import { waitingIn } from '../waiting-approvals.ts';
import { colourOf, mark, statusWord } from './marks.ts';
import type { Palette } from './palette.ts';
import { calledOf } from './summary.ts';
import { columnsOf, padded } from './width.ts';
import { shorten, spell } from './words.ts';

export interface Frame {
  readonly now: number;
  readonly columns: number;
  /** Lines that may be used, the headline included. */
  readonly rows: number;
  readonly paint: Palette;
  /** Reports of runs below this one, whose nodes are drawn as well. */
  readonly below?: ReadonlyMap<string, RunReport>;
}

/** Approvals that are listed with what to type. */
const DECISIONS = 5;

interface Line {
  readonly status: ShownStatus;
  readonly text: string;
}

const NAME_WIDTH = 32;
const BAR_WIDTH = 12;

/** Which lines stay when not all fit: the lower, the sooner. */
const WEIGHT: Readonly<Record<ShownStatus, number>> = {
  failed: 0,
  timed_out: 0,
  cancelled: 1,
  running: 1,
  queued: 2,
  completed: 3,
  pending: 3,
  skipped: 4,
};

export function renderTree(report: RunReport, frame: Frame): string {
  const environments = environmentLines(report, frame);
  const places = [...placesOf(report, frame, '')];
  const width = nameWidth(places, frame);
  const nodes = places.map(({ name, node }) => ({
    status: node.status,
    text: nodeLine(name, node, width, frame),
  }));
  const asked = [report, ...(frame.below?.values() ?? [])].flatMap((each) =>
    decisionLines(each, frame),
  );
  const { parent } = report;
  const part = parent === undefined ? '' : `  part of ${parent.run} ${parent.node}`;
  const above = part === '' ? [] : [frame.paint.dim(shorten(part, frame.columns))];
  const room = Math.max(3, frame.rows - 1 - above.length - asked.length);
  const shown = fold([...environments, ...nodes], room, frame.paint);
  return [headline(report, frame), ...above, ...shown, ...asked].join('\n');
}

interface Place {
  readonly name: string;
  readonly node: NodeReport;
}

/** The nodes of a run, and below those that are runs themselves the nodes of these, where they are known. */
function* placesOf(report: RunReport, frame: Frame, indent: string): Generator<Place> {
  const operators = operatorsByNode(report);
  for (const [id, node] of Object.entries(report.nodes)) {
    yield { name: `${indent}${node.label ?? id}`, node };
    yield* operatorsIn(operators.get(id) ?? [], node, indent);
    for (const { run, index } of subRunsOf(node)) {
      const child = frame.below?.get(run);
      if (child === undefined) continue;
      const deeper = `${indent}  ${index === undefined ? '' : `[${index}] `}`;
      yield* placesOf(child, frame, deeper);
    }
  }
}

/** Of a node that ended and ran several: one alone is the node itself, and of those that run only the node tells. */
function* operatorsIn(
  own: readonly Operator[],
  node: NodeReport,
  indent: string,
): Generator<Place> {
  if (own.length < 2 || node.endedAt === undefined) return;
  for (const [name, operator] of own) {
    const { status, attempts, reason, message, startedAt, endedAt } = operator;
    const shown: NodeReport = {
      status,
      attempts,
      outputs: {},
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(endedAt === undefined ? {} : { endedAt }),
    };
    yield { name: `${indent}  ${name}`, node: shown };
  }
}

/** What to type, where somebody is waited for. */
function decisionLines(report: RunReport, frame: Frame): readonly string[] {
  const waiting = waitingIn(report);
  const lines = waiting.slice(0, DECISIONS).map(({ address }) => {
    const place = address.endsWith(']') ? `'${address}'` : address;
    const approve = `millrace approve ${report.run} ${place}`;
    return frame.paint.dim(shorten(`  → ${approve}   (or reject)`, frame.columns));
  });
  const more = waiting.length - lines.length;
  return more > 0 ? [...lines, frame.paint.dim(`  → … and ${more} more`)] : lines;
}

function headline(report: RunReport, frame: Frame): string {
  const { paint } = frame;
  const took = spell(endOf(report.endedAt, frame.now) - Date.parse(report.startedAt));
  const done = Object.values(report.nodes).filter(({ endedAt }) => endedAt !== undefined).length;
  const all = Object.keys(report.nodes).length;
  const counted = report.endedAt === undefined ? `  ${done} of ${all} nodes` : '';
  return `${mark(report.status, paint)} ${paint.bold(calledOf(report))} ${paint.dim(report.run)}  ${statusWord(report.status, paint)}  ${took}${paint.dim(counted)}`;
}

function endOf(endedAt: string | undefined, now: number): number {
  return endedAt === undefined ? now : Date.parse(endedAt);
}

function nameWidth(places: readonly Place[], frame: Frame): number {
  const most = Math.min(NAME_WIDTH, Math.max(8, Math.floor(frame.columns / 3)));
  let width = 0;
  for (const { name } of places) width = Math.max(width, columnsOf(name));
  return Math.min(most, width);
}

function nodeLine(name: string, node: NodeReport, width: number, frame: Frame): string {
  const { paint, columns } = frame;
  const shown = padded(shorten(name, width), width);
  const time = timeOf(node, frame.now).padStart(9);
  // The rest must not wrap, or the terminal would count more lines than were drawn.
  const room = Math.max(0, columns - width - 16);
  const rest = shorten(restOf(node), room);
  const told = rest === '' ? '' : `  ${paint[restColour(node.status)](rest)}`;
  return `  ${mark(node.status, paint)} ${shown} ${time.trim() === '' && told === '' ? '' : paint.dim(time)}${told}`.trimEnd();
}

function restColour(status: ShownStatus): ReturnType<typeof colourOf> {
  return status === 'completed' ? 'dim' : colourOf(status);
}

function timeOf(node: NodeReport, now: number): string {
  if (node.startedAt === undefined) return '';
  return spell(endOf(node.endedAt, now) - Date.parse(node.startedAt));
}

function restOf(node: NodeReport): string {
  const attempt = node.attempts > 1 ? `attempt ${node.attempts}` : '';
  const parts = [attempt, instancesOf(node), progressOf(node), whyOf(node), runOf(node)];
  return parts.filter((part) => part !== '').join('  ');
}

/** The message of a node that failed names its run already. */
function runOf({ subRun, message }: NodeReport): string {
  return subRun === undefined || message?.includes(subRun) === true ? '' : `run ${subRun}`;
}

function instancesOf(node: NodeReport): string {
  const { instances } = node;
  if (instances === undefined) return '';
  const counts = tally(instances.map(({ status }) => status));
  const done = counts.get('completed') ?? 0;
  const others = [...counts].filter(([status]) => status !== 'completed').map(spellCount);
  const reused = instances.filter(({ reusedFrom }) => reusedFrom !== undefined).length;
  const taken = reused === 0 ? [] : [`${reused} reused`];
  return [
    `${bar(done, instances.length)} ${done} of ${instances.length}`,
    ...taken,
    ...others,
  ].join(', ');
}

function progressOf(node: NodeReport): string {
  if (node.status !== 'running') return '';
  const drawn =
    node.progress === undefined
      ? ''
      : `${bar(node.progress, 1)} ${Math.floor(node.progress * 100)} %`;
  return [drawn, node.progressText ?? ''].filter((part) => part !== '').join(' ');
}

function whyOf(node: NodeReport): string {
  switch (node.status) {
    case 'pending':
    case 'queued':
      return node.waitsFor === undefined ? '' : waiting(node.waitsFor);
    case 'failed':
    case 'timed_out':
    case 'cancelled':
    case 'skipped':
      return node.message ?? node.reason ?? '';
    case 'running':
      return '';
    case 'completed':
      return sourceOf(node);
  }
}

/** Where a result comes from that no program of this run made. */
function sourceOf({ seededFrom, reusedFrom, decision }: NodeReport): string {
  if (seededFrom !== undefined) return 'from the earlier run';
  if (reusedFrom !== undefined) return `reused from run ${reusedFrom.run}`;
  if (decision === undefined) return '';
  return `by ${decision.by}${decision.comment === undefined ? '' : `: ${decision.comment}`}`;
}

function waiting(text: string): string {
  return text.startsWith('wait') ? text : `waits for ${text}`;
}

function bar(done: number, all: number): string {
  const share = all === 0 ? 1 : Math.min(1, Math.max(0, done / all));
  const full = Math.floor(share * BAR_WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`;
}

/** Environments that are being prepared, failed, or have something to say. */
function environmentLines(report: RunReport, frame: Frame): readonly Line[] {
  const all = Object.entries(report.environments);
  const warnings = all.flatMap(([name, { kind, warnings: told = [] }]) =>
    told.map((warning): Line => {
      const text = shorten(`${kind} environment ${name}: ${warning}`, frame.columns - 6);
      return {
        status: 'completed',
        text: `  ${frame.paint.yellow('!')} ${frame.paint.yellow(text)}`,
      };
    }),
  );
  const open = all
    .filter(([, { status }]) => !['completed', 'skipped', 'pending'].includes(status))
    .map(([name, { status, kind, message }]) => {
      const doing = status === 'running' ? 'being prepared' : (message ?? status);
      const text = shorten(`${kind} environment ${name}: ${doing}`, frame.columns - 6);
      return { status, text: `  ${mark(status, frame.paint)} ${frame.paint.dim(text)}` };
    });
  return [...warnings, ...open];
}

function fold(lines: readonly Line[], room: number, paint: Palette): readonly string[] {
  if (lines.length <= room) return lines.map(({ text }) => text);
  // What has just completed and what comes next share what room is left: the nearer to now, the sooner.
  const completed = lines.filter(({ status }) => status === 'completed').length;
  const seen = new Map<ShownStatus, number>();
  const ranked = lines
    .map(({ status }, at) => {
      const nth = seen.get(status) ?? 0;
      seen.set(status, nth + 1);
      return { at, weight: WEIGHT[status], turn: status === 'completed' ? completed - nth : nth };
    })
    .sort((a, b) => a.weight - b.weight || a.turn - b.turn);
  const kept = new Set(ranked.slice(0, room - 1).map(({ at }) => at));
  const left = lines.filter((_, at) => !kept.has(at)).map(({ status }) => status);
  const words = [...tally(left)].map(spellCount).join(', ');
  return [
    ...lines.filter((_, at) => kept.has(at)).map(({ text }) => text),
    paint.dim(`  … and ${words}`),
  ];
}

function tally(statuses: readonly ShownStatus[]): ReadonlyMap<ShownStatus, number> {
  const counts = new Map<ShownStatus, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}

function spellCount([status, count]: readonly [ShownStatus, number]): string {
  return `${count} ${status.replace('_', ' ')}`;
}
