import { existsSync } from 'node:fs';
import { namesOf } from '#runner/log-shape.ts';
import type { Context } from '../context.ts';
import type { RunOptions } from '../define/run.ts';
import { leaveRun } from '../detach.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findPipeline } from '../find-pipeline.ts';
import { foreground } from '../foreground.ts';
import { prepareOptions } from '../given.ts';
import { refuseNested } from '../refuse-nested.ts';
import { printProblems, renderProblems } from '../render/print-problems.ts';
import { beginSession, openSession, type Session, startIn } from '../session.ts';

export async function run(
  context: Context,
  named: string | undefined,
  options: RunOptions,
): Promise<ExitCode> {
  refuseNested(context);
  const file = await findPipeline(context, named);
  // Where runs lie already, the engine opens while the pipeline is compiled; a first run that is refused leaves no folder behind.
  const opens = options.detach !== true && existsSync(context.dataDir);
  const early = opens ? (await beginSession(context)).session : undefined;
  const prepared = await context.backend
    .prepareRun(prepareOptions(context, file, options))
    .catch((error: unknown) => leave(early, error));
  if ('problems' in prepared) {
    printProblems(context, prepared.problems, file);
    await (await early)?.close();
    return EXIT.rejected;
  }
  if (prepared.warnings.length > 0 && !context.quiet && !context.json)
    context.host.stderr.write(renderProblems(prepared.warnings, file, context.paintError));
  // Commander makes `cache: false` of --no-cache.
  const request =
    options.cache === false ? { ...prepared.request, anew: true as const } : prepared.request;
  if (options.detach === true) return leaveRun(context, request);
  const session = await (early ?? openSession(context));
  const started = await startIn(context, session, request);
  const { workDir } = prepared.request;
  const log =
    workDir === undefined
      ? undefined
      : { level: workDir.log.level, names: namesOf(prepared.plan.id, prepared.plan) };
  return foreground(context, { ...started, output: context.host.stdout, log });
}

async function leave(early: Promise<Session> | undefined, error: unknown): Promise<never> {
  const session = await early?.catch(() => undefined);
  await session?.close();
  throw error;
}
