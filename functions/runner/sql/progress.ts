// Tells how far the query is, where the database knows.
import { appendFileSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';

const INTERVAL_MS = 500;

/** Writes a line whenever the share has grown by a hundredth. Answers how to stop it. */
export function follow(connection: DuckDBConnection, file: string | undefined): () => void {
  if (file === undefined) return () => undefined;
  let last = 0;
  const timer = setInterval(() => {
    const share = Math.floor(connection.progress.percentage) / 100;
    if (!(share > last && share <= 1)) return;
    last = share;
    appendFileSync(file, `${share.toFixed(2)} query\n`);
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}
