import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Rejected } from '#errors/families.ts';
import { VERSION } from '#local/version.ts';
import { reportsBelow } from '../below.ts';
import type { Context } from '../context.ts';
import type { ShowOptions } from '../define/read.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { reading } from '../reading.ts';
import { renderSummary } from '../render/summary.ts';
import { renderTree } from '../render/tree.ts';
import { tailsOf } from '../tails.ts';

export async function show(
  context: Context,
  name: string,
  options: ShowOptions = {},
): Promise<ExitCode> {
  if (options.html !== undefined) return writePage(context, name, options.html);
  return reading(context, async (control) => {
    const report = await control.report(name);
    if (context.json) {
      context.sayJson(report);
      return EXIT.done;
    }
    const { paint, dataDir, host } = context;
    const { isTerminal, columns: wide } = host.stdout;
    const columns = isTerminal && wide > 0 ? wide : 200;
    const below = await reportsBelow(control, report);
    const rows = Number.POSITIVE_INFINITY;
    context.say(renderTree(report, { now: host.now(), columns, rows, paint, below }));
    const tails = await tailsOf(control, report);
    host.stdout.write(
      renderSummary(report, { paint, dataDir, cwd: host.cwd, tails, headline: false }),
    );
    return EXIT.done;
  });
}

async function writePage(context: Context, name: string, given: string): Promise<ExitCode> {
  const { dataDir, host } = context;
  const file = path.resolve(host.cwd, given);
  const [{ gather }, { renderPage }] = await Promise.all([
    import('../page/gather.ts'),
    import('../page/page.ts'),
  ]);
  const about = { now: host.now(), version: VERSION, place: { dataDir, cwd: host.cwd } };
  const data = await reading(context, (control) => gather(control, name, about));
  replaceFile(file, renderPage(data), given);
  if (context.json) context.sayJson({ run: data.report.run, html: file });
  else context.say(`wrote ${given}`);
  return EXIT.done;
}

/** Whole or not at all: a browser that reloads never sees half a page. What is no file, as a pipe, is only written to. */
function replaceFile(named: string, text: string, given: string): void {
  const there = statSync(named, { throwIfNoEntry: false });
  if (there?.isDirectory() === true)
    throw new Rejected('invalid', `--html ${given} is a folder; wanted is the name of a file`);
  const isOther = there !== undefined && !there.isFile();
  const file = there === undefined || isOther ? named : realpathSync(named);
  const draft = isOther ? file : `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text);
    if (!isOther) renameSync(draft, file);
  } catch (error) {
    if (!isOther) rmSync(draft, { force: true });
    const why = error instanceof Error ? error.message : String(error);
    throw new Rejected('invalid', `--html ${given} cannot be written: ${why}`);
  }
}
