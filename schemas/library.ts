// What programs give to the library. They need not be written in TypeScript, and what is kept of it is read again by later engines.
import * as z from 'zod';
import { limits } from './limits.ts';
import { runStatus } from './run.ts';

const text = z.string().min(1);
/** Values of a program; that they are JSON is looked at where they are taken. */
const values = z.record(z.string(), z.unknown());

export const parkSignal = z.enum(['SIGTERM', 'SIGINT', 'SIGHUP']);

export const createEngineOptions = z.strictObject({
  dataDir: text.optional(),
  memory: z.boolean().optional(),
  namespace: z.string().optional(),
  adopt: z.boolean().optional(),
  serve: z.boolean().optional(),
  cacheDir: text.optional(),
  parkOnSignal: z.union([z.boolean(), z.array(parkSignal)]).optional(),
});

export const submitOptions = z.strictObject({
  inputs: values.optional(),
  with: z.record(z.string(), z.string()).optional(),
  allowEnv: z.array(z.string()).optional(),
  offline: z.boolean().optional(),
  cache: z.boolean().optional(),
  timeout: z.int().positive().max(limits.longestDuration).optional(),
});

export const source = z.union(
  [
    z.strictObject({ file: text }),
    z.strictObject({ source: z.union([z.string(), values]), folder: text.optional() }),
    // What `validate` gave is taken as it is, with what else it says.
    z.looseObject({
      plan: z.unknown(),
      plans: z.array(z.unknown()).optional(),
      folder: text.optional(),
    }),
  ],
  { error: 'wanted { file }, { source, folder } or what validate() gave' },
);

export const decision = z.strictObject({ by: text, comment: z.string().optional() });

export const runsQuery = z.strictObject({
  limit: z.int().positive().optional(),
  pipeline: z.string().optional(),
  status: runStatus.optional(),
  all: z.boolean().optional(),
});

export const emitOptions = z.strictObject({
  payload: z.unknown().optional(),
  key: text.optional(),
});

export const registration = z.strictObject({
  name: text.max(limits.idLength),
  handler: z.custom((value) => typeof value === 'function', 'wanted a function'),
  options: z.strictObject({ concurrency: z.int().positive().optional() }),
});

export const runText = z.string({ error: 'wanted a text' });
