import { type Names, namesOf } from '#runner/log-shape.ts';
import type { Control, LogEntry } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { pages } from '../pages.ts';
import { entryLine, namesInReport, renderLogLine } from '../render/log-line.ts';

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
  let names: Names | undefined;
  return pages(context, {
    name,
    follow: options.follow,
    turn: async (control, run, place) => {
      const page = await control.logs(run, { ...node, ...place });
      if (page.lines.length > 0) names ??= await namesIn(context, control, run);
      for (const line of page.lines) printLine(context, line, names ?? NAMELESS);
      if (!told && page.lines.length === 0) await tellOfSubRun(context, control, { run, ...node });
      told = true;
      return { cursor: page.cursor, last: page.last, empty: page.lines.length === 0 };
    },
  });
}

const NAMELESS = namesOf('', { nodes: [] });

/** Programs get the names of the plan, people their own. */
async function namesIn({ json }: Context, control: Control, run: string): Promise<Names> {
  return json ? NAMELESS : namesInReport(await control.report(run));
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

function printLine(context: Context, line: LogEntry, names: Names): void {
  if (context.json) context.sayJson({ ...line, at: new Date(line.at).toISOString() });
  else {
    const how = { paint: context.paint, isTerminal: context.host.stdout.isTerminal };
    context.say(renderLogLine(entryLine(names, line), how));
  }
}
