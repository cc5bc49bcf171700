// The one shape of a line that people read, in a terminal and in a file: `time LEVEL node/operator#attempt stream | text`.
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { LogLevel } from '#schemas/work-dir.ts';

/** Who speaks. Without an operator the node itself, without a node the pipeline. */
export interface Speaker {
  readonly pipeline: string;
  readonly node?: string | undefined;
  readonly operator?: string | undefined;
  readonly attempt?: number | undefined;
}

export interface LineHead {
  readonly at: number;
  readonly level: LogLevel;
  readonly speaker: Speaker;
  readonly stream: LogLine['stream'];
}

/** What stands before the text of a line. */
export function lineHead({ at, level, speaker, stream }: LineHead): string {
  return `${localTime(at)} ${level} ${placeOf(speaker)} ${stream} | `;
}

function placeOf({ pipeline, node, operator, attempt }: Speaker): string {
  const behind = operator === undefined || operator === '' ? '' : `/${operator}`;
  const tried = attempt === undefined ? '' : `#${attempt}`;
  // A line that a name broke in two would be two lines for whoever counts them.
  return `${node ?? pipeline}${behind}${tried}`.replaceAll(/\p{Cc}/gu, ' ');
}

/** How the nodes of a run are called. */
export interface Names {
  readonly pipeline: string;
  /** As the user spells it. */
  labelOf(node: string): string;
}

/** The names that stand in a plan, or in a report. */
export function namesOf(
  pipeline: string,
  {
    nodes,
  }: { readonly nodes: readonly { readonly id: string; readonly label?: string | undefined }[] },
): Names {
  const labels = new Map(nodes.map(({ id, label }) => [id, label ?? id]));
  return { pipeline, labelOf: (node) => labels.get(node) ?? node };
}

/** The node that is shown for what is done before any node starts. */
const PREPARES = 'prepare';

/** Whether an address is that of a node which the engine made to prepare an operator. */
export const prepares = (address: string): boolean => address.startsWith('@');

/** Who speaks at an address: a node, an instance of one, or the preparation of an operator. */
export function speakerAt(
  { pipeline, labelOf }: Names,
  at: {
    readonly address?: string | undefined;
    readonly step?: string;
    readonly attempt?: number | undefined;
  },
): Speaker {
  const { address, step, attempt } = at;
  if (address === undefined) return { pipeline };
  const [, node = address, instance = ''] = /^(.*?)(\[\d+\])?$/s.exec(address) ?? [];
  const label = labelOf(node);
  if (!prepares(address)) return { pipeline, node: `${label}${instance}`, operator: step, attempt };
  return { pipeline, node: PREPARES, operator: label.replace(/^@/, ''), attempt };
}

/** Of what operators print, of what the engine has to say beside it. */
export function levelOf(address: string, stream: LogLine['stream']): LogLevel {
  if (stream === 'millrace') return 'WARNING';
  // What git and the tools of environments print is for those who look closer.
  return prepares(address) ? 'DEBUG' : 'INFO';
}

let second = Number.NaN;
let date = '';
let zone = '';

/** `2026-11-21T17:04:05.123+08:00`: the time here, to be read by people and by programs. */
export function localTime(at: number): string {
  const whole = Math.floor(at / 1000);
  if (whole !== second) {
    second = whole;
    const offset = -new Date(at).getTimezoneOffset();
    date = new Date(at + offset * 60_000).toISOString().slice(0, 19);
    const minutes = Math.abs(offset);
    zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  }
  return `${date}.${String(at - whole * 1000).padStart(3, '0')}${zone}`;
}

const two = (part: number): string => String(part).padStart(2, '0');
