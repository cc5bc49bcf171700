// Regular expressions in RE2's syntax, which are matched in linear time. Compiled ones are kept, a bounded number of them.

import { RE2JS } from 're2js';
import { type Message, message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';

const KEPT = 200;
const compiled = new Map<string, RE2JS>();

type Compiled =
  | { readonly ok: true; readonly pattern: RE2JS }
  | { readonly ok: false; readonly said: Message<'wrong_value'> };

export function compilePattern(text: string): Compiled {
  const known = compiled.get(text);
  if (known !== undefined) {
    return { ok: true, pattern: known };
  }
  if (text.length > limits.patternLength) {
    const filling = { count: text.length, most: limits.patternLength };
    return { ok: false, said: message('wrong_value', 'pattern_length', filling) };
  }
  try {
    const pattern = RE2JS.compile(text);
    const oldest = compiled.size >= KEPT ? compiled.keys().next().value : undefined;
    if (oldest !== undefined) {
      compiled.delete(oldest);
    }
    compiled.set(text, pattern);
    return { ok: true, pattern };
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    const said = message('wrong_value', 'pattern', { pattern: JSON.stringify(text), why });
    return { ok: false, said };
  }
}

/** What is wrong with a pattern, if anything. */
export function patternProblem(text: string): Message<'wrong_value'> | undefined {
  const result = compilePattern(text);
  return result.ok ? undefined : result.said;
}
