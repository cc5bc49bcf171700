// The program that does the query of one step: node main.ts REQUEST
//
// Started by the runner like any other program, in the step's cage and process group. It has the rows of users in its memory
// and runs what they wrote, so it knows nothing but its request. Loads DuckDB and what node has, and nothing else: its start
// is a part of every query.
import { readFileSync, writeFileSync } from 'node:fs';
import type { SqlFailure, SqlRequest } from '#schemas/sql.ts';
import { Failed, failureOf } from './failed.ts';
import { performQuery } from './perform.ts';

/** What a shell says of a program that TERM ended. */
const TERMINATED = 143;

async function main(): Promise<number> {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    process.stderr.write('usage: sql REQUEST\n');
    return 2;
  }
  const request: SqlRequest = JSON.parse(readFileSync(file, 'utf8'));
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  try {
    const told = await performQuery(request, {
      outputs: process.env['MILLRACE_OUTPUTS'] ?? '/dev/stdout',
      progress: process.env['MILLRACE_PROGRESS'],
      stopped: stop.signal,
    });
    process.stdout.write(`${told}\n`);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return TERMINATED;
    const failure: SqlFailure = error instanceof Failed ? error.failure : failureOf(error, {});
    writeFileSync(request.failure, JSON.stringify(failure), { mode: 0o600 });
    return 1;
  }
}

// Nothing is waited for: what the database still does after an end is of no use.
process.exit(await main());
