// What went wrong with a query, taken from what the database says.
import { MillraceError } from '#errors/families.ts';
import type { SqlFailure } from '#schemas/sql.ts';

/** Where in the request a statement stands. */
export interface StatementPlace {
  readonly output?: string;
  readonly statement?: number;
  /** Characters that were put before the statement. */
  readonly prefix?: number;
  /** As it was given to the database. */
  readonly text?: string;
}

export class Failed extends MillraceError {
  override readonly name = 'Failed';
  override readonly family = 'rejected' as const;
  readonly failure: SqlFailure;
  constructor(failure: SqlFailure) {
    super('invalid', failure.message);
    this.failure = failure;
  }
}

/** What the database tells with `errors_as_json`. */
interface Told {
  readonly type: string;
  readonly message: string;
  readonly position: number | undefined;
}

export function failureOf(error: unknown, place: StatementPlace): SqlFailure {
  if (error instanceof Failed) return error.failure;
  const told = toldBy(error instanceof Error ? error.message : String(error));
  const at = placeOf(told.position, place);
  return {
    reason: told.type === 'Out of Memory' ? 'out_of_memory' : 'sql_failed',
    message: inWords(told),
    ...(place.output === undefined ? {} : { output: place.output }),
    ...(place.statement === undefined ? {} : { statement: place.statement }),
    ...(at === undefined ? {} : { at }),
  };
}

function toldBy(text: string): Told {
  const begin = text.indexOf('{"exception_type"');
  try {
    const { exception_type, exception_message, position }: Record<string, string | undefined> =
      JSON.parse(text.slice(Math.max(0, begin)));
    return {
      type: exception_type ?? '',
      message: exception_message ?? text,
      position: position === undefined ? undefined : Number(position),
    };
  } catch {
    return { type: '', message: text, position: undefined };
  }
}

/** The database counts bytes of what it was given. */
function placeOf(bytes: number | undefined, place: StatementPlace): number | undefined {
  if (bytes === undefined || place.text === undefined) return undefined;
  const before = Buffer.from(place.text, 'utf8').subarray(0, bytes).toString('utf8').length;
  const at = before - (place.prefix ?? 0);
  return at < 0 ? undefined : at;
}

function inWords({ type, message }: Told): string {
  const file = /^Cannot access (?:file|directory) "(.*)" - /s.exec(message)?.[1];
  if (type === 'Permission' && file !== undefined)
    return `the query wants the file "${file}", which the node was not given; it reads files that are bound to it, as {{ name }} of an input with type: file or of an output that is a file, and writes none but that of "into"`;
  if (type === 'Permission' && message.startsWith('Loading external extensions'))
    return 'the query loads an extension, which is not allowed; CSV, JSON and Parquet are there without';
  if (type === 'Out of Memory')
    return `the query needs more memory than it may use (${shortened(message)}); give the node more, with resources.limits.memory, or let it do less at once`;
  return shortened(message);
}

/** Without the advice for people who hold the database in their own hands. */
function shortened(message: string): string {
  const [first = ''] = message.split(
    /\n\s*\n(?=Possible solutions|Possible fixes|\s*file = |See also)/,
  );
  return first.trim();
}
