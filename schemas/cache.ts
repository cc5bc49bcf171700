// What is kept so that work need not be done again.
import * as z from 'zod';
import { address, runId } from './ids.ts';

/** The attempt whose outputs are taken over. */
export const cacheEntry = z.strictObject({ run: runId, address, attempt: z.int().positive() });
export type CacheEntry = z.infer<typeof cacheEntry>;

const kept = { entry: cacheEntry, parts: z.record(z.string(), z.string()) };

/** What was kept last of a node, and what of another run before that: a miss is told by what differs. */
export const cacheRecord = z.strictObject({ ...kept, before: z.strictObject(kept).optional() });
export type CacheRecord = z.infer<typeof cacheRecord>;
