// The small ports: alarms, secrets, clock, ids.
import type { Namespace, RunId } from '#schemas/ids.ts';

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

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface Ids {
  /** A new ULID; later ones sort after earlier ones, within a millisecond too. */
  ulid(): string;
}
