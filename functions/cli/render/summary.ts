// How a run ended: where its outputs lie, and what went wrong with the last words of each program.
import type { NodeReport, RunReport } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import { mark, statusWord } from './marks.ts';
import { operatorLines } from './operators.ts';
import type { Palette } from './palette.ts';
import { columnsOf, padded } from './width.ts';
import { filePath, plain, shorten, showValue, spell } from './words.ts';

export interface SummaryOptions {
  readonly paint: Palette;
  readonly dataDir: string;
  readonly cwd: string;
  /** Last lines of the logs of failed nodes. */
  readonly tails: ReadonlyMap<string, readonly string[]>;
  /** A tree with the headline was printed already. */
  readonly headline: boolean;
}

/** Lines of values that are no files; files are all shown. */
const VALUES = 20;
/** Columns of what a pipeline is called. */
const CALLED = 60;

export function renderSummary(report: RunReport, options: SummaryOptions): string {
  const lines = [
    ...(options.headline ? [headline(report, options.paint)] : []),
    ...operatorLines(report, options.paint),
    ...failureLines(report, options),
    ...outputLines(report, options),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function headline(report: RunReport, paint: Palette): string {
  const end = report.endedAt === undefined ? report.at : report.endedAt;
  const took = spell(Date.parse(end) - Date.parse(report.startedAt));
  // A node that failed says so itself, below.
  const said = report.message === undefined || failedNodes(report).length > 0;
  const why = said ? '' : `: ${plain(report.message ?? '')}`;
  return `${mark(report.status, paint)} ${calledOf(report)} ${paint.dim(report.run)} ${statusWord(report.status, paint)} in ${took}${why}`;
}

/** The id, and what it is called for people. */
export function calledOf({ pipeline, name }: RunReport): string {
  return name === undefined || name === pipeline
    ? pipeline
    : `${pipeline} (${shorten(plain(name), CALLED)})`;
}

/** Nodes that went wrong themselves, not those that were skipped because of them. */
export function failedNodes(report: RunReport): readonly (readonly [string, NodeReport])[] {
  return Object.entries(report.nodes).filter(
    ([, { status }]) => status === 'failed' || status === 'timed_out',
  );
}

function failureLines(report: RunReport, options: SummaryOptions): readonly string[] {
  const { paint } = options;
  const environments = Object.entries(report.environments)
    .filter(([, { status }]) => status === 'failed' || status === 'timed_out')
    .map(([name, { message, operator }]) =>
      paint.red(`✗ environment ${name} (${operator}): ${plain(message ?? 'failed')}`),
    );
  const nodes = failedNodes(report).flatMap(([id, node]) => {
    const why = plain(node.message ?? node.reason ?? '');
    const tail = options.tails.get(id) ?? [];
    return [
      `${paint.red(`✗ ${node.label ?? id} ${node.status.replace('_', ' ')}`)}: ${why}`,
      ...tail.map((line) => paint.dim(`    │ ${plain(line)}`)),
    ];
  });
  return [...environments, ...nodes];
}

interface Output {
  readonly name: string;
  readonly value: Json;
  readonly isFile: boolean;
}

/** What the pipeline says that it gives; what it gives without saying so are the outputs of its nodes. */
function ownOutputs(report: RunReport, options: SummaryOptions): readonly Output[] {
  return Object.entries(report.outputs ?? {}).flatMap(([name, value]) =>
    Object.hasOwn(report.nodes, name)
      ? []
      : [{ name, value, isFile: filePath(value, options) !== undefined }],
  );
}

function nodeOutputs(report: RunReport, options: SummaryOptions): readonly Output[] {
  return Object.entries(report.nodes).flatMap(([id, node]) =>
    node.instances === undefined
      ? Object.entries(node.outputs).map(([name, value]) => ({
          name: plain(`${node.label ?? id}.${name}`),
          value,
          isFile: filePath(value, options) !== undefined,
        }))
      : [],
  );
}

function outputLines(report: RunReport, options: SummaryOptions): readonly string[] {
  const named = [...ownOutputs(report, options), ...nodeOutputs(report, options)];
  const values = named.filter(({ isFile }) => !isFile).slice(0, VALUES);
  const shown = named.filter((output) => output.isFile || values.includes(output));
  if (shown.length === 0) return [];
  const width = Math.min(40, Math.max(...shown.map(({ name }) => columnsOf(name))));
  const left = named.length - shown.length;
  return [
    'outputs',
    ...shown.map(
      ({ name, value }) =>
        `  ${padded(name, width)}  ${options.paint.cyan(showValue(value, options))}`,
    ),
    ...(left === 0
      ? []
      : [options.paint.dim(`  … and ${left} more: millrace show ${report.run} --json`)]),
  ];
}
