// Arguments that are written out are checked when they are read, so that a mistake is a problem of the pipeline and not of a run.
import { type Message, message } from '#core/messages.ts';
import { formatProblem } from './dates.ts';
import { patternProblem } from './patterns.ts';
import { fail, type Source } from './problem.ts';
import type { FunctionName } from './signatures.ts';
import type { Expr } from './types.ts';

export function checkLiterals(source: Source, name: FunctionName, args: readonly Expr[]): void {
  if (name === 'payload') {
    checkPayload(source, args[0]);
    return;
  }
  const second = args[1];
  if (second?.kind !== 'literal' || typeof second.value !== 'string') {
    return;
  }
  let said: Message<'wrong_value'> | undefined;
  if (name === 'matches') {
    said = patternProblem(second.value);
  } else if (name === 'formatDate') {
    said = formatProblem(second.value);
  }
  if (said !== undefined) {
    fail(source, { at: second.at - source.base, said });
  }
}

function checkPayload(source: Source, event: Expr | undefined): void {
  const name = event?.kind === 'literal' ? event.value : undefined;
  if (typeof name === 'string' && /^external\../.test(name)) {
    return;
  }
  fail(source, {
    at: event === undefined ? 0 : event.at - source.base,
    said: message('wrong_value', 'payload'),
    ...(typeof name === 'string' && /^[\p{L}\p{M}\p{Nd}_]+$/u.test(name)
      ? { suggestion: `payload('external.${name}')` }
      : {}),
  });
}
