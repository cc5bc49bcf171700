// One line for each event: for pipes, files and CI.
import type { EventLine } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import type { Palette } from './palette.ts';
import { clock, plain } from './words.ts';

/** `10:02:11 extract completed`, with the `way` to the run that it is of, with the attempt when it is not the first, and the reason where there is one. */
export function renderEvent(line: EventLine, paint: Palette, way = ''): string {
  const name = line.event.slice(line.event.lastIndexOf('.') + 1);
  const subject = line.node === undefined ? line.event.slice(0, -name.length - 1) : line.node;
  const prepared = subject.startsWith('@') ? `environment ${subject.slice(1)}` : subject;
  const attempt = (line.attempt ?? 0) > 1 ? ` (attempt ${line.attempt})` : '';
  const told = [detail(line.payload), howToDecide(line)].filter((part) => part !== '').join('  ');
  return `${paint.dim(clock(line.at))} ${paint.dim(way)}${prepared} ${coloured(name, paint)}${attempt}${told === '' ? '' : `: ${told}`}`;
}

const COLOURS: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'cyan' | 'dim'>> = {
  started: 'cyan',
  completed: 'green',
  failed: 'red',
  timed_out: 'red',
  cancelled: 'yellow',
  retrying: 'yellow',
  queued: 'yellow',
  warning: 'yellow',
  skipped: 'dim',
};

function coloured(name: string, paint: Palette): string {
  const colour = COLOURS[name];
  const word = name.replace('_', ' ');
  return colour === undefined ? word : paint[colour](word);
}

/** What to type, where an approval waits. */
function howToDecide({ run, event, node, payload }: EventLine): string {
  const waits = event.endsWith('.queued') && textOf(payload ?? null, 'reason') === 'approval';
  if (!waits || node === undefined) return '';
  return `(millrace approve ${run} ${node.endsWith(']') ? `'${node}'` : node})`;
}

/** The message, else the reason; of an external event what it carried. */
function detail(payload: Json | undefined): string {
  if (payload === undefined || payload === null) return '';
  const message = textOf(payload, 'message') ?? textOf(payload, 'reason');
  if (message !== undefined) return plain(message);
  return textOf(payload, 'payload') ?? '';
}

function textOf(payload: Json, name: string): string | undefined {
  if (payload === null || typeof payload !== 'object' || !Object.hasOwn(payload, name))
    return undefined;
  const found: unknown = Reflect.get(payload, name);
  if (found === undefined || found === null) return undefined;
  return typeof found === 'string' ? found : JSON.stringify(found);
}
