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

/** Of what operators print, of what the engine has to say beside it. */
export const levelOf = (stream: LogLine['stream']): LogLevel =>
  stream === 'millrace' ? 'WARNING' : 'INFO';

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
