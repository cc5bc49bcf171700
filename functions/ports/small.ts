// The small ports: alarms, secrets, signer, clock, ids.
import type { Readable } from 'node:stream';
import type { Namespace, RunId } from '#schemas/ids.ts';
import type { PublicKey } from '#schemas/signing.ts';
import type { TickDecision, WalkerInput } from '#schemas/walker.ts';

export interface Alarms {
  /** Rings the run at that time, or soon after. A later call for the same run may ring as well: early or twice is harmless. */
  wake(namespace: Namespace, run: RunId, at: number): Promise<void>;
}

/** Values are text of at most `limits.secretBytes`; names match `[A-Za-z_][A-Za-z0-9_]*`. */
export interface Secrets {
  get(namespace: Namespace, name: string): Promise<string | undefined>;
  put(namespace: Namespace, name: string, value: string): Promise<void>;
  /** False when there was none. */
  remove(namespace: Namespace, name: string): Promise<boolean>;
  names(namespace: Namespace): Promise<readonly string[]>;
}

/** Signs, by Ed25519, what others must be able to trust without asking us. Private keys never leave what this stands on. */
export interface Signer {
  /**
   * The public halves; the first is the one to sign with. Keys that were first before follow, so that what they signed is still
   * trusted. May be remembered: a key never changes.
   */
  publicKeys(): Promise<readonly [PublicKey, ...PublicKey[]]>;
  /** 64 bytes, by the key of that name. Rejects with NotFound of a key that is not ours, with `too_large` beyond `limits.signedBytes`. */
  sign(kid: string, bytes: Uint8Array): Promise<Uint8Array>;
}

/** The machine that calls ticks, where runs are walked by one. */
export interface Walks {
  /** Begins a walk from there. One that has begun already is no error. */
  start(from: WalkerInput): Promise<void>;
  /** Answers the tick that waits on this token. False when nobody waits on it any more. */
  answer(token: string, decision: TickDecision): Promise<boolean>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface Ids {
  /** A new ULID; later ones sort after earlier ones, within a millisecond too. */
  ulid(): string;
}

/** What others have put into the store from outside, beside what is ours. */
export interface Drops {
  /** The content of exactly that version. Rejects with NotFound where it is gone, or another one has taken its place. */
  stream(drop: { readonly key: string; readonly etag: string }): Promise<Readable>;
}
