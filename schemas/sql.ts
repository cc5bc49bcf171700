// What the runner and its program for queries say to each other: a request in a file, and a failure in another.
import * as z from 'zod';
import { json } from './values.ts';

/** The name of the result of a query that is not written to a file. */
export const SQL_RESULT = 'result';

/** Endings of the files a query may be written to. */
export const sqlFormat = z.enum(['parquet', 'csv', 'json', 'jsonl']);
export type SqlFormat = z.infer<typeof sqlFormat>;

const statement = z.strictObject({
  /** One statement, with `$1`, `$2`, … for its values. */
  text: z.string(),
  parameters: z.array(json),
});
export type SqlStatementRequest = z.infer<typeof statement>;

export const sqlRequest = z.strictObject({
  /** The last of them gives the rows. */
  query: z.array(statement).min(1),
  /** The table that `outputs` see. */
  result: z.string(),
  into: z.strictObject({ file: z.string(), format: sqlFormat }).optional(),
  outputs: z.array(z.strictObject({ name: z.string(), query: statement })),
  /** The only files that may be read: absolute paths, as they stand in the parameters. */
  files: z.array(z.string()),
  /** Bytes the database may use. */
  memory: z.int().positive(),
  threads: z.int().positive(),
  spill: z.strictObject({ folder: z.string(), bytes: z.int().nonnegative() }),
  /** Where a failure is written. */
  failure: z.string(),
});
export type SqlRequest = z.infer<typeof sqlRequest>;

export const sqlFailure = z.strictObject({
  reason: z.enum(['sql_failed', 'out_of_memory', 'malformed_outputs', 'start_failed']),
  message: z.string(),
  /** An output whose query it is; the main query otherwise. */
  output: z.string().optional(),
  /** Which statement of the query. */
  statement: z.int().nonnegative().optional(),
  /** The character of the statement that is meant. */
  at: z.int().nonnegative().optional(),
});
export type SqlFailure = z.infer<typeof sqlFailure>;
