// The small files of a data directory on one machine; see functions/adapters/embedded.
import * as z from 'zod';
import { digest, instant, runId } from './ids.ts';

/** Who holds a data directory. Lies beside its lock. */
export const lockHolder = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** Of the program. */
  version: z.string(),
  /** Where it answers its clients. */
  socket: z.string().exactOptional(),
  since: instant,
  /** It ends: its runs lie still until somebody resumes them, or another engine goes on with them. */
  leaving: z.enum(['parked', 'handed_over']).exactOptional(),
});
export type LockHolder = z.infer<typeof lockHolder>;

/** What an engine that is left behind is told on its standard input: the runs it shall go on with. */
export const handedRuns = z.object({ runs: z.array(runId) });

/** What is known of an object beside its content. */
export const objectAbout = z.object({
  size: z.int().nonnegative(),
  sha256: digest,
  mediaType: z.string().exactOptional(),
  /** The content that this was said of, where a store names contents. */
  etag: z.string().exactOptional(),
});
export type ObjectAbout = z.infer<typeof objectAbout>;

/** One secret, sealed with AES-256-GCM; all parts in base64. */
export const sealedSecret = z.strictObject({
  nonce: z.base64(),
  tag: z.base64(),
  data: z.base64(),
});
export type SealedSecret = z.infer<typeof sealedSecret>;

/** Namespace → name → secret. `v` is looked at first: a newer one may have other members. */
export const secretsFile = z.object({
  v: z.int(),
  namespaces: z.record(z.string(), z.record(z.string(), sealedSecret)),
});
export type SecretsFile = z.infer<typeof secretsFile>;
export const secretsVersion = secretsFile.pick({ v: true });
