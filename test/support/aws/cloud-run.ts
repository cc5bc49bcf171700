// Runs walked as on AWS, on a DynamoDB table, with what is asked of it counted.
import { openTable } from '#aws/table.ts';
import { expiryOf } from '#service/expiry.ts';
import { WalkedRuns, type WalkedRunsOptions } from '../walked-runs.ts';
import { type Recorded, record } from './recorded.ts';
import type { FreshTable } from './tables.ts';

export class CloudRun extends WalkedRuns {
  readonly recorded: Recorded;

  constructor({ client, name }: FreshTable, options: Omit<WalkedRunsOptions, 'table'> = {}) {
    const recorded = record(client);
    super({
      ...options,
      table: ({ clock }) =>
        openTable(client, name, { expiry: (key) => expiryOf(key, clock.now()) }),
    });
    this.recorded = recorded;
  }
}
