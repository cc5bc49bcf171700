import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { reading } from '../reading.ts';
import { renderSummary } from '../render/summary.ts';
import { renderTree } from '../render/tree.ts';
import { tailsOf } from '../tails.ts';

export async function show(context: Context, name: string): Promise<ExitCode> {
  return reading(context, async (control) => {
    const report = await control.report(name);
    if (context.json) {
      context.sayJson(report);
      return EXIT.done;
    }
    const { paint, dataDir, host } = context;
    const columns = host.stdout.isTerminal ? host.stdout.columns : 200;
    context.say(
      renderTree(report, { now: host.now(), columns, rows: Number.POSITIVE_INFINITY, paint }),
    );
    const tails = await tailsOf(control, report);
    host.stdout.write(
      renderSummary(report, { paint, dataDir, cwd: host.cwd, tails, headline: false }),
    );
    return EXIT.done;
  });
}
