// How an error ends a command: by family, because the family says who must act.
import { HasProblems, MillraceError, Transient } from '#errors/families.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { printProblems } from './render/print-problems.ts';
import { plainLines } from './render/words.ts';

/** Prints the error for whoever must act on it and answers the exit code. */
export function reportFailure(error: unknown, context: Context): ExitCode {
  if (error instanceof HasProblems) {
    printProblems(context, error.problems, undefined);
    return EXIT.rejected;
  }
  const paint = context.paintError;
  const known = error instanceof MillraceError;
  if (known && error.family !== 'defect') {
    if (context.json) {
      const { code, message, details } = error;
      context.sayJson({ error: { code, message, details } });
    }
    context.host.stderr.write(`${paint.red('millrace:')} ${plainLines(error.message)}\n`);
    if (error.family === 'rejected') return EXIT.rejected;
    // What became of a run on a server is not known: that is not to say that it failed.
    return context.server !== undefined && error instanceof Transient ? EXIT.defect : EXIT.failed;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (context.json) context.sayJson({ error: { code: 'defect', message } });
  context.host.stderr.write(
    `${paint.red('millrace:')} a defect in millrace: ${plainLines(message)}\n`,
  );
  if ((context.host.env['MILLRACE_DEBUG'] ?? '') !== '')
    context.host.stderr.write(`${error instanceof Error ? describe(error) : ''}\n`);
  else context.host.stderr.write('with MILLRACE_DEBUG=1 it says where\n');
  return EXIT.defect;
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
