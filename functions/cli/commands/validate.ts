import { compileFile } from '../compile-file.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findPipeline } from '../find-pipeline.ts';
import { functionsNote } from '../functions-note.ts';
import { renderProblems } from '../render/print-problems.ts';

export async function validate(context: Context, named: string | undefined): Promise<ExitCode> {
  const file = await findPipeline(context, named);
  const compiled = await compileFile(context.host.cwd, file);
  if (context.json) context.sayJson({ problems: compiled.problems });
  else if (compiled.problems.length > 0)
    context.host.stderr.write(renderProblems(compiled.problems, file, context.paintError));
  if (!compiled.ok) return EXIT.rejected;
  if (!context.json && !context.quiet) {
    const nodes = compiled.plan.nodes.filter(({ executor }) => executor.kind !== 'prepare').length;
    const runs = compiled.below.map(({ plan }) => plan.id).join(', ');
    const below = runs === '' ? '' : `, runs ${runs}`;
    context.say(
      `${file}: ${compiled.plan.id}, ${nodes} node${nodes === 1 ? '' : 's'}${below}, valid`,
    );
  }
  const note = functionsNote(compiled.plan);
  if (note !== undefined && !context.json) context.note(`${file}: ${note}`);
  return EXIT.done;
}
