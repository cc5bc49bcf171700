// Regular expressions in RE2's syntax, which are matched in linear time. Compiled ones are kept, a bounded number of them.

import { RE2JS } from 're2js';
import { limits } from '#schemas/limits.ts';

const KEPT = 200;
const compiled = new Map<string, RE2JS>();

type Compiled =
  | { readonly ok: true; readonly pattern: RE2JS }
  | { readonly ok: false; readonly message: string };

export function compilePattern(text: string): Compiled {
  const known = compiled.get(text);
  if (known !== undefined) {
    return { ok: true, pattern: known };
  }
  if (text.length > limits.patternLength) {
    const message = `a pattern of ${text.length} characters; at most ${limits.patternLength} are allowed`;
    return { ok: false, message };
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
    return { ok: false, message: `the pattern ${JSON.stringify(text)} is not RE2 syntax: ${why}` };
  }
}

/** What is wrong with a pattern, if anything. */
export function patternProblem(text: string): string | undefined {
  const result = compilePattern(text);
  return result.ok ? undefined : result.message;
}
