// Literals: texts and numbers as they are written, and everything about them that people get wrong.
import { message } from '#core/messages.ts';
import { fail, type Source } from './problem.ts';

export interface Read<T> {
  readonly value: T;
  /** Offset behind the last character. */
  readonly end: number;
}

const ESCAPES: { readonly [letter: string]: string } = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** A text in ' or ". The escapes are \n \r \t \\ \' \" and \uXXXX; any other backslash is a problem, because it is nearly always a pattern's. */
export function readText(source: Source, at: number): Read<string> {
  const { text } = source;
  const quote = text.charAt(at);
  let value = '';
  for (let index = at + 1; index < text.length; index++) {
    const char = text.charAt(index);
    if (char === quote) {
      if (!value.isWellFormed()) {
        fail(source, { at, said: message('expression_syntax', 'surrogate') });
      }
      return { value, end: index + 1 };
    }
    if (char !== '\\') {
      value += char;
      continue;
    }
    const escaped = readEscape(source, index);
    value += escaped.value;
    index = escaped.end - 1;
  }
  return fail(source, { at, said: message('expression_syntax', 'text_open', { quote }) });
}

function readEscape(source: Source, at: number): Read<string> {
  const letter = source.text.charAt(at + 1);
  const unicode = /^u([0-9a-fA-F]{4})/.exec(source.text.slice(at + 1, at + 6))?.[1];
  if (unicode !== undefined) {
    return { value: String.fromCharCode(Number.parseInt(unicode, 16)), end: at + 6 };
  }
  const value = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  if (value === undefined) {
    const said =
      letter === 'u'
        ? message('expression_syntax', 'unicode')
        : message('expression_syntax', 'escape', { letter });
    return fail(source, { at, said, fix: { to: at + 1, by: '\\\\' } });
  }
  return { value, end: at + 2 };
}

const NUMBER = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;

/** A decimal number. Integers beyond 2^53 and figures that are none (`1_000`, `007`, `0x1f`, `5s`) are problems. */
export function readNumber(source: Source, at: number): Read<number> {
  NUMBER.lastIndex = at;
  const written = NUMBER.exec(source.text)?.[0] ?? '';
  const end = at + written.length;
  const rest = /^[\p{L}\p{M}\p{Nd}_.]+/u.exec(source.text.slice(end))?.[0];
  if (rest !== undefined) {
    fail(source, { at, ...oddNumber(written, rest, end) });
  }
  if (/^0\d/.test(written)) {
    const by = written.replace(/^0+(?=\d)/, '');
    const said = message('expression_syntax', 'leading_zero', { came: written, number: by });
    fail(source, { at, said, fix: { to: end, by } });
  }
  const value = Number(written);
  const tooLarge =
    !Number.isFinite(value) || (/^\d+$/.test(written) && !Number.isSafeInteger(value));
  if (tooLarge) {
    const said = message('expression_syntax', 'large_number', { came: written });
    fail(source, { at, said, fix: { to: end, by: `'${written}'` } });
  }
  return { value, end };
}

function oddNumber(written: string, rest: string, end: number) {
  const to = end + rest.length;
  const came = `${written}${rest}`;
  const plain = came.replaceAll('_', '');
  if (/^[\d_]+$/.test(rest)) {
    const said = message('expression_syntax', 'underscore', { number: plain });
    return { said, fix: { to, by: plain } };
  }
  if (/^(?:ms|s|m|h|d|[KMG]i?B)$/.test(rest)) {
    return { said: message('expression_syntax', 'unit', { came }), fix: { to, by: written } };
  }
  return { said: message('expression_syntax', 'digit_first', { came }) };
}
