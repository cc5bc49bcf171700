// Finds the end of `{{ }}`.
import { message } from '#core/messages.ts';
import { fail, type Source } from './problem.ts';

/** Offset of the `}}` that closes the `{{` at `at`; braces inside texts do not count. */
export function closingBraces(source: Source, at: number): number {
  const { text } = source;
  let quote = '';
  for (let index = at + 2; index < text.length; index++) {
    const char = text.charAt(index);
    if (quote !== '') {
      if (char === '\\') {
        index++;
      } else if (char === quote) {
        quote = '';
      }
    } else if (char === "'" || char === '"') {
      quote = char;
    } else if (char === '}' && text.charAt(index + 1) === '}') {
      return index;
    }
  }
  const said =
    quote === ''
      ? message('expression_syntax', 'braces_open')
      : message('expression_syntax', 'text_in_braces_open', { quote });
  return fail(source, { at, said });
}
