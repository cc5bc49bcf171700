import type { Judged } from '#core/expression/judge-text.ts';
import { judgeText } from '#local/judge-text.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readValues } from '../read-values.ts';
import { reading } from '../reading.ts';
import { plainLines } from '../render/words.ts';

/** The same of a run as it is now. */
export async function evaluateInRun(
  context: Context,
  text: string,
  run: string,
): Promise<ExitCode> {
  return told(context, text, await reading(context, (control) => control.evaluate(run, text)));
}

/** Prints the value as JSON; of a condition `true`, `"never"` or `"not_yet"`. */
export async function evaluateText(
  context: Context,
  text: string,
  file: string | undefined,
): Promise<ExitCode> {
  const values = file === undefined ? {} : await readValues(context.host.cwd, file);
  return told(context, text, judgeText(text, values));
}

function told(context: Context, text: string, judged: Judged): ExitCode {
  switch (judged.is) {
    case 'value':
      context.sayJson(judged.value);
      return EXIT.done;
    case 'open':
      context.sayJson(judged.truth);
      if (judged.because !== undefined) context.note(plainLines(judged.because));
      return EXIT.done;
    case 'wrong':
      printWrong(context, text, judged);
      return EXIT.rejected;
  }
}

function printWrong(
  context: Context,
  text: string,
  { message, at, suggestion }: Extract<Judged, { is: 'wrong' }>,
): void {
  if (context.json) {
    const place = at === undefined ? {} : { at };
    const hint = suggestion === undefined ? {} : { suggestion };
    context.sayJson({ error: { code: 'expression', message, ...place, ...hint } });
  }
  const { red, cyan } = context.paintError;
  const lines = [`${red('millrace:')} ${plainLines(message)}`];
  if (at !== undefined) lines.push(...excerpt(text, at).map((line) => `    ${line}`));
  if (suggestion !== undefined) lines.push(`    ${cyan('try:')} ${plainLines(suggestion)}`);
  context.host.stderr.write(`${lines.join('\n')}\n`);
}

/** The line of the text with a caret below the character. */
function excerpt(text: string, at: number): readonly string[] {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const line = text.slice(start).split('\n', 1)[0] ?? '';
  const before = [...text.slice(start, at)].map((character) => (character === '\t' ? '\t' : ' '));
  return [line, `${before.join('')}^`];
}
