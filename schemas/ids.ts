// Names and identifiers. The grammar of node ids belongs to the dialects (compile); here is what the engine accepts.
import * as z from 'zod';
import { limits } from './limits.ts';

/** The isolation boundary: every key, object and route belongs to one. `default` on one machine. */
export const namespace = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
  .meta({ description: 'lower-case letters, digits and hyphens, at most 63' });
export type Namespace = z.infer<typeof namespace>;

/** A run: a ULID, so that ids sort by time. */
export const runId = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/);
export type RunId = z.infer<typeof runId>;

/** A node of a plan. Those the compiler adds begin with `@`, which no user's id can. */
export const nodeId = z
  .string()
  .min(1)
  .max(limits.idLength + 1);
export type NodeId = z.infer<typeof nodeId>;

/** A node, or one instance of a `forEach` node: `extract`, `per_region[3]`. */
export const address = z
  .string()
  .min(1)
  .max(limits.idLength + 12);
export type Address = z.infer<typeof address>;

/** SHA-256, lower-case hexadecimal. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/);
export type Digest = z.infer<typeof digest>;

/** Milliseconds since the epoch. */
export const instant = z.int().nonnegative();
export type Instant = z.infer<typeof instant>;

/** Milliseconds. */
export const duration = z.int().nonnegative().max(limits.longestDuration);

/** The format version that every stored thing carries. A reader that meets a newer one leaves without touching anything. */
export const FORMAT = 1;
export const format = z.literal(FORMAT);

/** The version of the expression language a plan is pinned to. */
export const LANGUAGE = 1;
