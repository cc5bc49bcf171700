// How functions look at their arguments: the kind is checked, and a message names function, argument, what came and what was wanted.
import type { Json } from '#schemas/values.ts';
import type { FunctionName } from './signatures.ts';
import type { Evaluated, Variables } from './types.ts';
import { type Budget, describe, error, isList, isRef, refused } from './values.ts';

export interface Call {
  readonly name: FunctionName;
  readonly args: readonly Json[];
  readonly budget: Budget;
  readonly variables: Variables;
}

export type Taken<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: Evaluated };

const ORDINALS = ['first', 'second', 'third'];

export function wrong(call: Call, index: number, wanted: string): Evaluated {
  const came = call.args[index] ?? null;
  const which =
    call.args.length === 1 ? 'its argument' : `its ${ORDINALS[index] ?? `${index + 1}th`} argument`;
  if (isRef(came)) {
    return refused(`${call.name}: ${which}`);
  }
  return error(`${call.name} wants ${wanted} as ${which}; ${describe(came)} came`);
}

export function takeText(call: Call, index: number): Taken<string> {
  const came = call.args[index];
  return typeof came === 'string'
    ? { ok: true, value: came }
    : { ok: false, error: wrong(call, index, 'a text') };
}

export function takeInteger(call: Call, index: number, wanted: string): Taken<number> {
  const came = call.args[index];
  return typeof came === 'number' && Number.isSafeInteger(came)
    ? { ok: true, value: came }
    : { ok: false, error: wrong(call, index, wanted) };
}

/** Numbers given as one list or as arguments. */
export function takeNumbers(call: Call): Taken<readonly number[]> {
  const [only] = call.args;
  const list = call.args.length === 1 && only !== undefined && isList(only) ? only : undefined;
  const numbers: number[] = [];
  for (const [index, item] of (list ?? call.args).entries()) {
    if (typeof item !== 'number') {
      const message = `${call.name} wants numbers; item ${index} of its list is ${describe(item)}`;
      return {
        ok: false,
        error:
          list === undefined
            ? wrong(call, index, 'a number or one list of numbers')
            : error(message),
      };
    }
    numbers.push(item);
  }
  return { ok: true, value: numbers };
}
