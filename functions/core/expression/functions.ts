// What the functions of the language do. Arguments are values: what is missing or undecided never gets here.
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import { type Call, takeInteger, takeNumbers, takeText, wrong } from './arguments.ts';
import { formatProblem, formatted, plusDays, readDate } from './dates.ts';
import { compilePattern } from './patterns.ts';
import type { FunctionName } from './signatures.ts';
import type { Evaluated } from './types.ts';
import {
  asText,
  codePoints,
  describe,
  EXHAUSTED,
  equal,
  error,
  isFile,
  isList,
  isObject,
  isRef,
  spend,
  spendText,
  tooLong,
  value,
} from './values.ts';

type Implementation = (call: Call) => Evaluated;

/** `payload` is no function of values: the evaluator answers it. */
const IMPLEMENTATIONS: Readonly<Record<Exclude<FunctionName, 'payload'>, Implementation>> = {
  len,
  contains,
  startsWith: (call) => ofTexts(call, (text, part) => value(text.startsWith(part))),
  endsWith: (call) => ofTexts(call, (text, part) => value(text.endsWith(part))),
  matches: (call) => ofTexts(call, (text, pattern) => matches(call, text, pattern)),
  lower: (call) => ofText(call, (text) => text.toLowerCase()),
  upper: (call) => ofText(call, (text) => text.toUpperCase()),
  split: (call) => ofTexts(call, (text, separator) => split(call, text, separator)),
  join,
  number,
  string: (call) => asText(call.args[0] ?? null, call.variables, call.budget),
  min: (call) => ofNumbers(call, (numbers) => numbers.reduce((a, b) => Math.min(a, b))),
  max: (call) => ofNumbers(call, (numbers) => numbers.reduce((a, b) => Math.max(a, b))),
  sum: (call) => ofNumbers(call, total, 0),
  avg: (call) => ofNumbers(call, (numbers) => total(numbers) / numbers.length),
  round,
  formatDate,
  addDays,
};

export function apply(call: Call): Evaluated {
  const { name } = call;
  for (const argument of call.args) {
    const size = typeof argument === 'string' ? argument.length : 0;
    const items = isList(argument) ? argument.length : 1;
    if (!(spendText(call.budget, size) && spend(call.budget, items))) {
      return error(EXHAUSTED);
    }
  }
  return name === 'payload'
    ? error("payload wants the name of an external event, written out: payload('external.go')")
    : IMPLEMENTATIONS[name](call);
}

/** A result that no double can hold is an error, not infinity. */
export function finite(result: number, what: string): Evaluated {
  // Adding 0 makes -0 a plain 0: nothing shows a difference between the two.
  return Number.isFinite(result) ? value(result + 0) : error(`${what} is too large for a number`);
}

function ofText(call: Call, map: (text: string) => string): Evaluated {
  const text = takeText(call, 0);
  return text.ok ? bounded(map(text.value)) : text.error;
}

function ofTexts(call: Call, map: (text: string, other: string) => Evaluated): Evaluated {
  const text = takeText(call, 0);
  if (!text.ok) {
    return text.error;
  }
  const other = takeText(call, 1);
  return other.ok ? map(text.value, other.value) : other.error;
}

function ofNumbers(
  call: Call,
  map: (numbers: readonly number[]) => number,
  ofNone?: number,
): Evaluated {
  const numbers = takeNumbers(call);
  if (!numbers.ok) {
    return numbers.error;
  }
  if (numbers.value.length > 0) {
    return finite(map(numbers.value), `the result of ${call.name}`);
  }
  return ofNone === undefined ? error(`${call.name} of an empty list is nothing`) : value(ofNone);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, item) => sum + item, 0);
}

function bounded(text: string): Evaluated {
  return text.length > limits.expressionTextLength ? error(tooLong(text.length)) : value(text);
}

function len(call: Call): Evaluated {
  const of = call.args[0] ?? null;
  if (typeof of === 'string') {
    return value(codePoints(of));
  }
  if (isList(of)) {
    return value(of.length);
  }
  if (isRef(of)) {
    const count = of.$ref.count ?? call.variables.list?.(of)?.length;
    return count === undefined
      ? error('len: the value is kept by reference and is no list that can be read here')
      : value(count);
  }
  return isObject(of) && !isFile(of)
    ? value(Object.keys(of).length)
    : wrong(call, 0, 'a text, a list or an object');
}

function contains(call: Call): Evaluated {
  const [of = null, part = null] = call.args;
  if (isRef(part)) {
    return wrong(call, 1, 'a value');
  }
  if (isList(of)) {
    for (const item of of) {
      const same = equal(item, part, call.budget);
      if (same === undefined) {
        return error(EXHAUSTED);
      }
      if (same) {
        return value(true);
      }
    }
    return value(false);
  }
  if (typeof of === 'string') {
    return typeof part === 'string' ? value(of.includes(part)) : wrong(call, 1, 'a text');
  }
  if (isObject(of) && !isFile(of) && !isRef(of)) {
    return typeof part === 'string'
      ? value(Object.hasOwn(of, part))
      : wrong(call, 1, 'the name of a member');
  }
  return wrong(call, 0, 'a text, a list or an object');
}

function matches(call: Call, text: string, pattern: string): Evaluated {
  const compiled = compilePattern(pattern);
  if (!compiled.ok) {
    return error(`matches: ${compiled.said.text}`);
  }
  // Linear, but in text times pattern: a large pattern over a large text costs what it takes.
  const cost = Math.ceil((text.length * Math.max(1, compiled.pattern.programSize())) / 200);
  return spend(call.budget, cost) ? value(compiled.pattern.matcher(text).find()) : error(EXHAUSTED);
}

function split(call: Call, text: string, separator: string): Evaluated {
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  return spend(call.budget, parts.length) ? value(parts) : error(EXHAUSTED);
}

function join(call: Call): Evaluated {
  const [of = null] = call.args;
  const separator = takeText(call, 1);
  if (!separator.ok) {
    return separator.error;
  }
  if (!isList(of)) {
    return wrong(call, 0, 'a list');
  }
  const texts: string[] = [];
  let length = 0;
  for (const item of of) {
    const text = asText(item, call.variables, call.budget);
    if (text.is !== 'value') {
      return text;
    }
    const part = String(text.value);
    length += part.length + separator.value.length;
    if (length > limits.expressionTextLength + separator.value.length) {
      return error(tooLong(length));
    }
    texts.push(part);
  }
  return bounded(texts.join(separator.value));
}

const NUMERIC = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

function number(call: Call): Evaluated {
  const of = call.args[0] ?? null;
  if (typeof of === 'number') {
    return value(of);
  }
  if (typeof of !== 'string') {
    return wrong(call, 0, 'a text with a number in it');
  }
  const text = of.trim();
  return NUMERIC.test(text)
    ? finite(Number(text), describe(of))
    : error(`number wants a text with a number in it; ${describe(of)} came`);
}

const DIGITS = 15;

/** Half up, on the decimal figures that are shown: 1.005 to two digits is 1.01, although its double lies below. */
function round(call: Call): Evaluated {
  const [of = null] = call.args;
  if (typeof of !== 'number') {
    return wrong(call, 0, 'a number');
  }
  const digits =
    call.args.length > 1 ? takeInteger(call, 1, 'a whole number of digits') : undefined;
  if (digits?.ok === false) {
    return digits.error;
  }
  const places = digits?.value ?? 0;
  if (Math.abs(places) > DIGITS) {
    return error(`round knows ${-DIGITS} to ${DIGITS} digits; ${places} came`);
  }
  return finite(shifted(Math.round(shifted(of, places)), -places), 'the result of round');
}

/** Moves the decimal point in the figures themselves, where multiplying would add an error of its own. */
function shifted(of: number, places: number): number {
  const [figures = '0', exponent = '0'] = String(of).split('e');
  return Number(`${figures}e${Number(exponent) + places}`);
}

function formatDate(call: Call): Evaluated {
  const moment = readDate(call.args[0]);
  if (moment === undefined) {
    return wrong(call, 0, A_DATE);
  }
  const format = takeText(call, 1);
  if (!format.ok) {
    return format.error;
  }
  const problem = formatProblem(format.value);
  return problem === undefined
    ? bounded(formatted(moment, format.value))
    : error(`formatDate: ${problem.text}`);
}

const A_DATE = 'a date (2025-01-31, 2025-01-31T12:00:00Z or milliseconds)';

function addDays(call: Call): Evaluated {
  const moment = readDate(call.args[0]);
  if (moment === undefined) {
    return wrong(call, 0, A_DATE);
  }
  const days = takeInteger(call, 1, 'a whole number of days');
  if (!days.ok) {
    return days.error;
  }
  const result: Json | undefined = plusDays(moment, days.value);
  return result === undefined
    ? error(`addDays: ${days.value} days from there is not within the years 1 to 9999`)
    : value(result);
}
