// The closed list of functions: names, how many arguments, and what people call them elsewhere. What they do is in functions.ts.
export interface Signature {
  readonly least: number;
  readonly most: number;
  /** As messages and the reference show it. */
  readonly usage: string;
}

const ANY = 1_000;

export const SIGNATURES = {
  len: { least: 1, most: 1, usage: 'len(text, list or object)' },
  contains: { least: 2, most: 2, usage: 'contains(text, part) or contains(list, value)' },
  startsWith: { least: 2, most: 2, usage: 'startsWith(text, part)' },
  endsWith: { least: 2, most: 2, usage: 'endsWith(text, part)' },
  matches: { least: 2, most: 2, usage: 'matches(text, pattern)' },
  lower: { least: 1, most: 1, usage: 'lower(text)' },
  upper: { least: 1, most: 1, usage: 'upper(text)' },
  split: { least: 2, most: 2, usage: 'split(text, separator)' },
  join: { least: 2, most: 2, usage: 'join(list, separator)' },
  number: { least: 1, most: 1, usage: 'number(text)' },
  string: { least: 1, most: 1, usage: 'string(value)' },
  min: { least: 1, most: ANY, usage: 'min(list) or min(a, b, …)' },
  max: { least: 1, most: ANY, usage: 'max(list) or max(a, b, …)' },
  sum: { least: 1, most: ANY, usage: 'sum(list) or sum(a, b, …)' },
  avg: { least: 1, most: ANY, usage: 'avg(list) or avg(a, b, …)' },
  round: { least: 1, most: 2, usage: 'round(number) or round(number, digits)' },
  formatDate: { least: 2, most: 2, usage: "formatDate(date, 'yyyy-MM-dd')" },
  addDays: { least: 2, most: 2, usage: 'addDays(date, days)' },
  payload: { least: 1, most: 1, usage: "payload('external.go')" },
} as const satisfies { readonly [name: string]: Signature };

export type FunctionName = keyof typeof SIGNATURES;

export const FUNCTION_NAMES: readonly string[] = Object.keys(SIGNATURES);

export function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(SIGNATURES, name);
}

/** What the same thing is called in other languages. */
const ELSEWHERE: { readonly [name: string]: FunctionName } = {
  length: 'len',
  size: 'len',
  count: 'len',
  includes: 'contains',
  has: 'contains',
  regex: 'matches',
  match: 'matches',
  test: 'matches',
  lowercase: 'lower',
  tolower: 'lower',
  tolowercase: 'lower',
  uppercase: 'upper',
  toupper: 'upper',
  touppercase: 'upper',
  str: 'string',
  tostring: 'string',
  int: 'number',
  float: 'number',
  parseint: 'number',
  parsefloat: 'number',
  tonumber: 'number',
  mean: 'avg',
  average: 'avg',
  total: 'sum',
  strftime: 'formatDate',
  dateformat: 'formatDate',
};

export const OTHER_NAMES: readonly string[] = Object.keys(ELSEWHERE);

export function elsewhere(name: string): FunctionName | undefined {
  const key = name.toLowerCase().replaceAll('_', '');
  const same = FUNCTION_NAMES.find((known) => known.toLowerCase() === key);
  if (same !== undefined && isFunction(same)) {
    return same;
  }
  return Object.hasOwn(ELSEWHERE, key) ? ELSEWHERE[key] : undefined;
}

/** `one argument`, `1 or 2 arguments`, `at least 1 argument`. */
export function wantedArguments({ least, most }: Signature): string {
  if (most === ANY) {
    return `at least ${least} argument${least === 1 ? '' : 's'}`;
  }
  const count = least === most ? String(least) : `${least} or ${most}`;
  return `${count} argument${most === 1 ? '' : 's'}`;
}
