import type { Control, LogEntry } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { pages } from '../pages.ts';
import type { Palette } from '../render/palette.ts';
import { clock, plain } from '../render/words.ts';

export interface LogsOptions {
  readonly node: string | undefined;
  readonly follow: boolean;
}

export async function logs(
  context: Context,
  name: string,
  options: LogsOptions,
): Promise<ExitCode> {
  const node = options.node === undefined ? {} : { node: options.node };
  let told = false;
  return pages(context, {
    name,
    follow: options.follow,
    turn: async (control, run, place) => {
      const page = await control.logs(run, { ...node, ...place });
      for (const line of page.lines) printLine(context, line, options.node);
      if (!told && page.lines.length === 0) await tellOfSubRun(context, control, { run, ...node });
      told = true;
      return { cursor: page.cursor, last: page.last, empty: page.lines.length === 0 };
    },
  });
}

/** A node whose work is another run prints nothing itself. */
async function tellOfSubRun(
  context: Context,
  control: Control,
  { run, node }: { run: string; node?: string },
): Promise<void> {
  if (node === undefined) return;
  const { nodes } = await control.report(run);
  const subRun = (nodes[node] ?? Object.values(nodes).find(({ label }) => label === node))?.subRun;
  if (subRun !== undefined)
    context.note(`the work of ${node} is run ${subRun}: millrace logs ${subRun}`);
}

function printLine(context: Context, line: LogEntry, asked: string | undefined): void {
  if (context.json) context.sayJson({ ...line, at: new Date(line.at).toISOString() });
  else context.say(renderLogLine(line, asked, context));
}

/** The place is left out where it is the one that was asked for; text in a terminal cannot steer it. */
function renderLogLine(
  line: LogEntry,
  asked: string | undefined,
  { paint, host }: Context,
): string {
  const again = line.attempt > 1 ? `#${line.attempt}` : '';
  const place = line.node === asked && again === '' ? '' : `${line.node}${again} `;
  const text = host.stdout.isTerminal ? plain(line.text) : line.text;
  return `${paint.dim(clock(line.at))} ${paint.cyan(place)}${coloured(line, text, paint)}`;
}

function coloured({ stream }: LogEntry, text: string, paint: Palette): string {
  if (stream === 'millrace') return paint.yellow(text);
  return stream === 'stderr' ? paint.red(text) : text;
}
