import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Problem } from '#schemas/problems.ts';
import { compileFile } from '../compile-file.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findPipeline } from '../find-pipeline.ts';
import { functionsNote } from '../functions-note.ts';
import { reading } from '../reading.ts';
import { renderProblems } from '../render/print-problems.ts';

export async function validate(context: Context, named: string | undefined): Promise<ExitCode> {
  const file = await findPipeline(context, named);
  const compiled = await compileFile(context.host.cwd, file);
  // What a configuration merges, and takes from the environment, is known here only.
  const isAsked = compiled.ok && compiled.plan.dialect !== 'operators';
  const there = isAsked ? await wrongThere(context, file, compiled.below) : [];
  const problems = [...compiled.problems, ...there];
  if (context.json) context.sayJson({ problems });
  else if (problems.length > 0)
    context.host.stderr.write(renderProblems(problems, file, context.paintError));
  if (!compiled.ok || there.length > 0) return EXIT.rejected;
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

/** A server may be of another version, and its machines are not this one: what is wrong for it with the same files. */
async function wrongThere(
  context: Context,
  file: string,
  below: readonly { readonly file: string }[],
): Promise<readonly Problem[]> {
  if (context.server === undefined) return [];
  const full = path.resolve(context.host.cwd, file);
  const text = (of: string): string => readFileSync(of, 'utf8');
  const files = below.map((each) => [
    path.relative(path.dirname(full), each.file),
    text(each.file),
  ]);
  const { problems } = await reading(context, (control) =>
    control.validate({
      source: text(full),
      name: path.basename(full),
      files: Object.fromEntries(files),
    }),
  );
  return problems.filter(({ severity }) => severity === 'error');
}
