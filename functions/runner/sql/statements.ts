// Single statements: what kinds of them there may be, and running them with their values.
import {
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  StatementType,
} from '@duckdb/node-api';
import type { SqlStatementRequest } from '#schemas/sql.ts';
import { Failed, failureOf, type StatementPlace } from './failed.ts';
import { bindAll } from './parameters.ts';

/** Kinds of statements that change nothing but the database in memory. Files are written by `into` alone. */
const ALLOWED: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.MERGE_INTO,
  StatementType.CREATE,
  StatementType.CREATE_FUNC,
  StatementType.ALTER,
  StatementType.DROP,
  StatementType.ANALYZE,
  StatementType.SET,
  StatementType.VARIABLE_SET,
]);

/** What comes of our own text round a query, or of a `pivot` in it. */
const OURS: ReadonlySet<StatementType> = new Set([StatementType.COPY, StatementType.TRANSACTION]);

export interface Ran {
  readonly rows: number;
}

/** Throws Failed for a statement that cannot be read, or is of a kind that is not allowed. */
export async function checked(
  connection: DuckDBConnection,
  statement: SqlStatementRequest,
  wanted: { readonly place: StatementPlace; readonly rows: boolean },
): Promise<void> {
  const place = { ...wanted.place, text: statement.text };
  const extracted = await extract(connection, place);
  // The database makes several of one `pivot`. Each can be prepared only after the one before it ran: the first tells enough.
  const { statementType } = await guarded(extracted.prepare(0), place);
  if (!ALLOWED.has(statementType)) throw new Failed(notAllowed(statementType, place));
  const isPivot = extracted.count > 1;
  if (wanted.rows && !isPivot && statementType !== StatementType.SELECT)
    throw new Failed({
      ...placeOnly(place),
      reason: 'sql_failed',
      message: 'the last statement gives no rows; wanted is a query, such as select … or from …',
    });
}

/** Runs a statement with its values, and a text of ours before and after it. Throws Failed. */
export async function run(
  connection: DuckDBConnection,
  statement: SqlStatementRequest,
  how: { readonly place: StatementPlace; readonly before?: string; readonly after?: string },
): Promise<Ran> {
  const { before = '', after = '' } = how;
  const text = `${before}${statement.text}${after}`;
  const place = { ...how.place, text, prefix: before.length };
  const extracted = await extract(connection, place);
  let rows = 0;
  for (let index = 0; index < extracted.count; index += 1) {
    const prepared = await guarded(extracted.prepare(index), place);
    if (!ALLOWED.has(prepared.statementType) && !OURS.has(prepared.statementType))
      throw new Failed(notAllowed(prepared.statementType, how.place));
    try {
      bindAll(prepared, statement.parameters);
      // What a statement before the last one finds is wanted by nobody: `select error(…)` is a check.
      const reader = await prepared.runAndReadUntil(1);
      const [first] = reader.getRows();
      if (typeof first?.[0] === 'bigint' && first[0] > 0n) rows = Number(first[0]);
    } catch (error) {
      throw new Failed(failureOf(error, place));
    }
  }
  return { rows };
}

function extract(
  connection: DuckDBConnection,
  place: StatementPlace & { readonly text: string },
): Promise<DuckDBExtractedStatements> {
  return guarded(connection.extractStatements(place.text), place);
}

async function guarded<T>(work: Promise<T>, place: StatementPlace): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Failed(failureOf(error, place));
  }
}

function notAllowed(type: StatementType, place: StatementPlace): Failed['failure'] {
  const name = (StatementType[type] ?? 'such').toLowerCase().replaceAll('_', ' ');
  const cure =
    type === StatementType.COPY || type === StatementType.EXPORT
      ? '; the rows of the query are written to a file by "into"'
      : '; allowed are select, create, insert, update, delete, alter, drop and set variable';
  return {
    ...placeOnly(place),
    reason: 'sql_failed',
    message: `a statement of the kind "${name}" is not allowed${cure}`,
    at: 0,
  };
}

function placeOnly({ output, statement }: StatementPlace): { output?: string; statement?: number } {
  return {
    ...(output === undefined ? {} : { output }),
    ...(statement === undefined ? {} : { statement }),
  };
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
