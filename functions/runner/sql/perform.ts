// One request: opens the database, does the query, writes the file, asks for the outputs, and tells what came of it.
import { writeFileSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { SqlRequest } from '#schemas/sql.ts';
import type { Json } from '#schemas/values.ts';
import { Failed, failureOf } from './failed.ts';
import { bindAll } from './parameters.ts';
import { follow } from './progress.ts';
import { checked, identifier, literal, type Ran, run } from './statements.ts';
import { toJson } from './to-json.ts';

export interface Surroundings {
  /** Where the outputs are written. */
  readonly outputs: string;
  readonly progress: string | undefined;
  readonly stopped: AbortSignal;
}

const INTERRUPT_MS = 50;

/** Answers a line for the log. Throws Failed. */
export async function performQuery(request: SqlRequest, around: Surroundings): Promise<string> {
  const connection = await open(request);
  const released = interruptWhen(around.stopped, connection);
  const done = follow(connection, around.progress);
  try {
    const began = performance.now();
    await prologue(connection, request);
    const outputs: Record<string, Json> = {};
    const rows = await result(connection, request, outputs);
    for (const { name, query } of request.outputs)
      outputs[name] = await scalar(connection, name, query);
    writeFileSync(around.outputs, JSON.stringify(outputs), { mode: 0o600 });
    const seconds = ((performance.now() - began) / 1000).toFixed(2);
    return `${rows} in ${seconds} s`;
  } finally {
    released();
    done();
  }
}

/** An interrupt ends what runs at the moment, and nothing that begins after it: so it is said again, until all has ended. */
function interruptWhen(stopped: AbortSignal, connection: DuckDBConnection): () => void {
  const timer = setInterval(() => {
    if (stopped.aborted) connection.interrupt();
  }, INTERRUPT_MS);
  stopped.addEventListener('abort', () => connection.interrupt());
  return () => clearInterval(timer);
}

async function open(request: SqlRequest): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${request.memory}B`,
    threads: String(request.threads),
    temp_directory: request.spill.folder,
    max_temp_directory_size: `${request.spill.bytes}B`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    errors_as_json: 'true',
  });
  const connection = await instance.connect();
  const allowed = [...request.files, ...(request.into === undefined ? [] : [request.into.file])];
  // From here on nothing but these files can be opened, and nothing of this can be undone by a query.
  await connection.run(
    `set enable_progress_bar = true; set enable_progress_bar_print = false; set allowed_paths = [${allowed.map(literal).join(', ')}]; set enable_external_access = false; set lock_configuration = true`,
  );
  return connection;
}

/** All statements but the last. */
async function prologue(connection: DuckDBConnection, request: SqlRequest): Promise<void> {
  for (const [index, statement] of request.query.slice(0, -1).entries()) {
    const place = { statement: index };
    await checked(connection, statement, { place, rows: false });
    await run(connection, statement, { place });
  }
}

/** The rows of the last statement: into the file, or into a table. Answers what came of it, for the log. */
async function result(
  connection: DuckDBConnection,
  request: SqlRequest,
  outputs: Record<string, Json>,
): Promise<string> {
  const statement = request.query.at(-1);
  if (statement === undefined) return 'nothing';
  const place = { statement: request.query.length - 1 };
  await checked(connection, statement, { place, rows: true });
  const { into } = request;
  const name = identifier(request.result);
  // A parquet file keeps the types, so that it is the table, and no row need be kept in memory.
  if (into?.format === 'parquet') {
    const rows = await run(connection, statement, { place, ...toFile(into) });
    await connection.run(`create view ${name} as from read_parquet(${literal(into.file)})`);
    outputs[request.result] = await fileOutput(connection, into.file, name, rows);
    return `${counted(rows)} into ${request.result}.${into.format}`;
  }
  const rows = await run(connection, statement, {
    place,
    before: `create temp table ${name} as\n`,
  });
  if (into === undefined) return counted(rows);
  const { before, after } = toFile(into);
  await connection.run(`${before}from ${name}${after}`);
  outputs[request.result] = await fileOutput(connection, into.file, name, rows);
  return `${counted(rows)} into ${request.result}.${into.format}`;
}

const OPTIONS = {
  parquet: 'format parquet, compression zstd',
  csv: 'format csv, header true',
  json: 'format json, array true',
  jsonl: 'format json, array false',
} as const;

function toFile(into: NonNullable<SqlRequest['into']>): { before: string; after: string } {
  const options = `(${OPTIONS[into.format]}, use_tmp_file false)`;
  return { before: 'copy (\n', after: `\n) to ${literal(into.file)} ${options}` };
}

function counted({ rows }: Ran): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}

/** The file as an output, with what is in it. */
async function fileOutput(
  connection: DuckDBConnection,
  file: string,
  name: string,
  { rows }: Ran,
): Promise<Json> {
  const described = await connection.runAndReadAll(`describe ${name}`);
  const schema = described
    .getRows()
    .map(([column, type]) => ({ name: String(column), type: String(type) }));
  return { $file: file, metadata: { rows, schema } };
}

/** One value of one row. */
async function scalar(
  connection: DuckDBConnection,
  output: string,
  query: SqlRequest['query'][number],
): Promise<Json> {
  const place = { output };
  await checked(connection, query, { place, rows: true });
  try {
    const extracted = await connection.extractStatements(query.text);
    let value: Json = null;
    for (let index = 0; index < extracted.count; index += 1) {
      const prepared = await extracted.prepare(index);
      bindAll(prepared, query.parameters);
      const reader = await prepared.streamAndReadUntil(2);
      if (index < extracted.count - 1) continue;
      const [first] = reader.getRows();
      if (reader.columnCount !== 1 || reader.currentRowCount > 1)
        throw new Failed({ reason: 'sql_failed', output, message: manyValues(reader) });
      value = first === undefined ? null : toJson(first[0] ?? null, reader.columnType(0));
    }
    return value;
  } catch (error) {
    throw new Failed(failureOf(error, { ...place, text: query.text }));
  }
}

function manyValues(reader: { readonly columnCount: number }): string {
  if (reader.columnCount !== 1)
    return `it gives ${reader.columnCount} columns; wanted is one value: one column of one row`;
  return 'it gives several rows; wanted is one value. For a list write: select list(…)';
}
