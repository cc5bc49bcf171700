// Lines of a run's log as a terminal shows them: in the shape that they have in files.
import { levelOfEvent, subjectOfEvent, textOfEvent } from '#runner/event-lines.ts';
import {
  type LineHead,
  levelOf,
  lineHead,
  type Names,
  namesOf,
  speakerAt,
} from '#runner/log-shape.ts';
import type { EventLine, RunReport } from '#schemas/report.ts';
import type { LogEntry } from '#service/control.ts';
import type { Palette } from './palette.ts';
import { plain } from './words.ts';

/** A line, when it was written, and how much it matters. */
export interface ShownLine extends LineHead {
  readonly text: string;
}

/** `last` is the line before, of the same names: what is the same is taken from it. */
export function entryLine(names: Names, entry: LogEntry, last?: Entered): Entered {
  const { at, node: address, attempt, step, stream, text, level } = entry;
  const of = last?.entry;
  const same =
    of?.node === address && of.attempt === attempt && of.step === step && of.try === entry.try;
  const speaker = same ? last?.speaker : undefined;
  return {
    ...{ at, level: level ?? levelOf(address, stream), stream, text, entry },
    speaker: speaker ?? speakerAt(names, { address, attempt: entry.try ?? attempt, step }),
  };
}

export interface Entered extends ShownLine {
  readonly entry: LogEntry;
}

/** An event, one line for each line of what it says. */
export function eventLines(names: Names, event: EventLine): readonly ShownLine[] {
  const speaker = speakerAt(names, subjectOfEvent(event));
  const head = { at: Date.parse(event.at), level: levelOfEvent(event), speaker } as const;
  const lines = textOfEvent(event).split('\n');
  return lines.map((text) => ({ ...head, stream: 'millrace', text }));
}

export interface LogPaint {
  readonly paint: Palette;
  /** Text must not steer it. */
  readonly isTerminal: boolean;
}

export function renderLogLine(line: ShownLine, { paint, isTerminal }: LogPaint): string {
  const text = isTerminal ? plain(line.text) : line.text;
  return `${paint.dim(headOf(line))}${coloured(line, text, paint)}`;
}

let before: ShownLine | undefined;
let head = '';

/** Lines of one program come by the thousand with the same time. */
function headOf(line: ShownLine): string {
  const { at, level, speaker, stream } = line;
  const same =
    before?.at === at &&
    before.level === level &&
    before.speaker === speaker &&
    before.stream === stream;
  if (!same) head = lineHead(line);
  before = line;
  return head;
}

function coloured({ level, stream }: ShownLine, text: string, paint: Palette): string {
  if (level === 'ERROR' || level === 'CRITICAL' || stream === 'stderr') return paint.red(text);
  if (level === 'WARNING') return paint.yellow(text);
  return level === 'SUCCESS' ? paint.green(text) : text;
}

export function namesInReport({ pipeline, nodes }: RunReport): Names {
  const labelled = Object.entries(nodes).map(([id, { label }]) => ({ id, label }));
  return namesOf(pipeline, { nodes: labelled });
}
