// Problems of a pipeline for people: place, message, the line with its caret, what would be right.
import path from 'node:path';
import type { Problem } from '#schemas/problems.ts';
import type { Context } from '../context.ts';
import { folderOfPipeline } from '../find-pipeline.ts';
import type { Palette } from './palette.ts';
import { plain, plainLines } from './words.ts';

/** To standard error, or with --json as the one last line to standard output. */
export function printProblems(
  context: Context,
  problems: readonly Problem[],
  file: string | undefined,
): void {
  if (context.json) context.sayJson({ problems });
  else context.host.stderr.write(renderProblems(problems, file, context.paintError));
}

export function renderProblems(
  problems: readonly Problem[],
  file: string | undefined,
  paint: Palette,
): string {
  const blocks = problems.map((problem) => renderProblem(problem, file, paint));
  return `${blocks.join('\n')}\n${tally(problems)}\n`;
}

function renderProblem(problem: Problem, file: string | undefined, paint: Palette): string {
  const mark = problem.severity === 'error' ? paint.red('error') : paint.yellow('warning');
  const head = `${paint.bold(plain(placeOf(problem, file)))}${mark}: ${plainLines(problem.message)} ${paint.dim(`[${problem.code}]`)}`;
  const lines = [head];
  if (problem.excerpt !== undefined) lines.push(indent(plainLines(problem.excerpt)));
  if (problem.suggestion !== undefined)
    lines.push(indent(`${paint.cyan('try:')} ${plainLines(problem.suggestion)}`));
  return lines.join('\n');
}

/** `file:line:column: `, as editors and terminals make links of it. */
function placeOf(problem: Problem, file: string | undefined): string {
  const place = problem.line === 0 ? [] : [problem.line, problem.column];
  // That of a sub-pipeline is told from the folder of the main file.
  const own =
    problem.file === undefined ? file : path.join(folderOfPipeline(file ?? ''), problem.file);
  const parts = [...(own === undefined ? [] : [own]), ...place];
  return parts.length === 0 ? '' : `${parts.join(':')}: `;
}

function tally(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [count(errors, 'error'), count(warnings, 'warning')].filter((part) => part !== '');
  return parts.join(', ');
}

function count(many: number, what: string): string {
  return many === 0 ? '' : `${many} ${what}${many === 1 ? '' : 's'}`;
}

function indent(text: string): string {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
