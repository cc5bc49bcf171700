import type { Context } from '../context.ts';
import type { GivenOptions } from '../define/run.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findPipeline } from '../find-pipeline.ts';
import { foreground } from '../foreground.ts';
import { prepareOptions } from '../given.ts';
import { refuseNested } from '../refuse-nested.ts';
import { printProblems, renderProblems } from '../render/print-problems.ts';
import { openSession } from '../session.ts';

export async function run(
  context: Context,
  named: string | undefined,
  options: GivenOptions,
): Promise<ExitCode> {
  refuseNested(context);
  const file = await findPipeline(context, named);
  const prepared = await context.backend.prepareRun(prepareOptions(context, file, options));
  if ('problems' in prepared) {
    printProblems(context, prepared.problems, file);
    return EXIT.rejected;
  }
  if (prepared.warnings.length > 0 && !context.quiet && !context.json)
    context.host.stderr.write(renderProblems(prepared.warnings, file, context.paintError));
  const session = await openSession(context);
  const started = await session.control.start(prepared.request).catch(async (error: unknown) => {
    await session.close({ park: true });
    throw error;
  });
  return foreground(context, { run: started.run, session, output: context.host.stdout });
}
