// Values in shell commands. Each `{{ }}` is one word (or part of one), whatever is in its value: nothing in a value is ever
// read as shell syntax.
//
// Outside quotes a value stands in single quotes. Inside quotes those are closed, the quoted value is put, and they are
// opened again. Where only a shell could tell what surrounds a value, it goes into a variable set before the command:
// what a variable expands to is never parsed again.
import { limits } from '#schemas/limits.ts';
import { undecided } from './operators.ts';
import { parseTemplate } from './parse.ts';
import { IN_ARITHMETIC, type Place, ShellScanner } from './shell-context.ts';
import { evaluatePart, namesSecret } from './template.ts';
import type { Evaluated, Template, Variables } from './types.ts';
import { asText, error, value } from './values.ts';

const VARIABLE = '_millrace_';
const HIDDEN = 'MILLRACE_SECRET_';

/** A text as one word of a POSIX shell. The text must not hold NUL. */
export function quoteWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Variables of the environment that a command names, with their values. */
export type Hidden = Record<string, string>;

/**
 * A command with every `{{ }}` as a quoted word. A NUL in a value, and a place where no value is safe, are errors.
 *
 * @param hidden takes the values that are made with secrets: in the command they stand as variables of the environment, because
 *   everybody on the machine may read the words of a command. Without it they stand there as they are.
 */
export function renderCommand(text: string, variables: Variables, hidden?: Hidden): Evaluated {
  const parsed = parseTemplate(text);
  if (!parsed.ok) {
    return error(parsed.problem.message);
  }
  const budget = { left: limits.expressionOperations };
  const results = parsed.value.parts.map((part) => {
    if (typeof part === 'string') {
      return value(part);
    }
    const result = evaluatePart(part, variables, budget);
    return result.is === 'value' ? asText(result.value, variables, budget) : result;
  });
  const open = undecided(results);
  if (open !== undefined) {
    return open;
  }
  const texts = results.map((result) => (result.is === 'value' ? String(result.value) : ''));
  return joined(parsed.value, texts, hidden);
}

function joined(template: Template, texts: readonly string[], hidden?: Hidden): Evaluated {
  const scanner = new ShellScanner();
  const set: string[] = [];
  let command = '';
  for (const [index, part] of template.parts.entries()) {
    const text = texts[index] ?? '';
    if (typeof part === 'string') {
      scanner.read(part);
      command += part;
      continue;
    }
    const trouble = troubleWith(text, scanner.place());
    if (trouble !== undefined) {
      return error(`{{ ${part.text} }} in a command: ${trouble}`);
    }
    command +=
      hidden !== undefined && namesSecret(part)
        ? standIn(hide(text, hidden), scanner.place())
        : placed(text, scanner.place(), set);
    scanner.value();
  }
  const assignments = set.map((word, index) => `${VARIABLE}${index + 1}=${word}`).join(' ');
  return value(set.length === 0 ? command : `${assignments}; ${command}`);
}

const NUMBER = /^-?\d+(?:\.\d+)?$/;

function troubleWith(text: string, place: Place): string | undefined {
  if (text.includes('\0')) {
    return 'its value holds a NUL character, which no program can be given';
  }
  return place.trouble === IN_ARITHMETIC && NUMBER.test(text) ? undefined : place.trouble;
}

function placed(text: string, place: Place, set: string[]): string {
  const word = quoteWord(text);
  if (place.sure && place.inside !== 'comment' && place.inside !== 'document') {
    return reopened(word, place.inside);
  }
  if (place.trouble === IN_ARITHMETIC) {
    // A space, because two minus signs would be another operator.
    return text.startsWith('-') ? ` ${text}` : text;
  }
  set.push(word);
  return standIn(`${VARIABLE}${set.length}`, place);
}

function hide(text: string, hidden: Hidden): string {
  const name = `${HIDDEN}${Object.keys(hidden).length + 1}`;
  hidden[name] = text;
  return name;
}

/** A variable in the place of a value: what it expands to is one word, and is never parsed again. */
function standIn(name: string, place: Place): string {
  const variable = `\${${name}}`;
  // A space, because a minus before it and its own would be another operator.
  if (place.trouble === IN_ARITHMETIC) return ` ${variable}`;
  const bare = place.inside !== 'nothing' && place.inside !== 'single';
  return bare ? variable : reopened(`"${variable}"`, place.inside);
}

function reopened(word: string, inside: Place['inside']): string {
  switch (inside) {
    case 'single':
      return `'${word}'`;
    case 'double':
      return `"${word}"`;
    case 'nothing':
    case 'comment':
    case 'document':
      return word;
  }
}

/** Places of the `{{ }}` of a command that stand inside quotes already, where they are not needed. */
export function insideQuotes(template: Template): readonly number[] {
  return places(template).flatMap(({ at, place }) =>
    place.inside === 'single' || place.inside === 'double' ? [at] : [],
  );
}

/** Places of a command where no value (but a number) could be put safely, and why. */
export function impossibleWords(
  template: Template,
): readonly { readonly at: number; readonly message: string }[] {
  return places(template).flatMap(({ at, place }) =>
    place.trouble === undefined ? [] : [{ at, message: place.trouble }],
  );
}

function places(template: Template): readonly { readonly at: number; readonly place: Place }[] {
  const scanner = new ShellScanner();
  return template.parts.flatMap((part) => {
    if (typeof part === 'string') {
      scanner.read(part);
      return [];
    }
    const place = scanner.place();
    scanner.value();
    return [{ at: part.at, place }];
  });
}
