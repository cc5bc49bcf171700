// Orders for queries, and files for them to read.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Json } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { anOrder, type OrderOptions } from './orders.ts';

export interface QueryOptions extends OrderOptions {
  readonly into?: string;
  readonly outputs?: Record<string, string>;
}

/** An order whose one step is this query. */
export function aQuery(query: string, options: QueryOptions = {}): WorkOrder {
  const { into, outputs, ...rest } = options;
  const order = anOrder(['true'], rest);
  if (order.work.kind !== 'steps') return order;
  const [step] = order.work.plan.nodes;
  if (step === undefined) return order;
  const executor = {
    kind: 'sql',
    query,
    ...(into === undefined ? {} : { into }),
    ...(outputs === undefined ? {} : { outputs }),
  } as const;
  const plan = { ...order.work.plan, nodes: [{ ...step, id: 'sql', executor }] };
  return { ...order, work: { ...order.work, plan } };
}

/** A file in the object store, as a value. */
export function aFile(dataDir: string, name: string, content: string | Buffer): Json {
  const key = `NS/default/files/${name}`;
  const file = path.join(dataDir, 'objects', key);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { $file: { key, name, size: Buffer.byteLength(content), sha256 } };
}
