import { NotFound, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { RunSummary } from '#schemas/report.ts';
import { runStatus } from '#schemas/run.ts';
import type { Control } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { RunsOptions } from '../define/read.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { reading } from '../reading.ts';
import { mark, statusWord } from '../render/marks.ts';
import { renderTable } from '../render/table.ts';
import { dayAndClock, spell } from '../render/words.ts';

export async function runs(context: Context, options: RunsOptions): Promise<ExitCode> {
  const query = queryOf(options);
  const found = await reading(context, (control) => control.runs(query)).catch(noneYet);
  if (context.json) for (const summary of found) context.sayJson(summary);
  else if (found.length === 0) context.note('no runs');
  else context.say(renderTable(found.map((summary) => row(summary, context))));
  return EXIT.done;
}

/** Where nothing has ever run there are no runs: an answer, not an error. */
function noneYet(error: unknown): readonly RunSummary[] {
  if (error instanceof NotFound) return [];
  throw error;
}

function queryOf(options: RunsOptions): NonNullable<Parameters<Control['runs']>[0]> {
  const limit = Number(options.limit ?? '20');
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.page)
    throw new Rejected(
      'invalid',
      `--limit "${options.limit}": wanted a whole number from 1 to ${limits.page}`,
    );
  const status = runStatus.safeParse(options.status);
  if (options.status !== undefined && !status.success)
    throw new Rejected(
      'invalid',
      `--status "${options.status}": wanted one of ${runStatus.options.join(', ')}`,
    );
  return {
    limit,
    ...(options.all === true ? { all: true } : {}),
    ...(options.pipeline === undefined ? {} : { pipeline: options.pipeline }),
    ...(status.success ? { status: status.data } : {}),
  };
}

function row(summary: RunSummary, { paint, host }: Context): readonly string[] {
  const end = summary.endedAt ?? host.now();
  return [
    `${mark(summary.status, paint)} ${summary.run}`,
    summary.pipeline,
    statusWord(summary.status, paint),
    dayAndClock(summary.startedAt),
    summary.endedAt === undefined && summary.status !== 'running'
      ? ''
      : spell(end - summary.startedAt),
    [
      ...(summary.approvals === undefined ? [] : [`waits for ${summary.approvals.join(', ')}`]),
      ...(summary.retryOf === undefined ? [] : [paint.dim(`again: ${summary.retryOf}`)]),
      ...(summary.parent === undefined ? [] : [paint.dim(`part of ${summary.parent}`)]),
    ].join('  '),
  ];
}
