// Where plans, files and large values live. Keys begin with `NS/<namespace>/`.
import type { Readable } from 'node:stream';

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
  readonly mediaType?: string;
}

export interface ListPage {
  readonly objects: readonly { readonly key: string; readonly size: number }[];
  readonly cursor?: string;
}

/** Objects are written whole and never change: putting another content under a taken key is refused with Rejected. */
export interface Objects {
  /** Whole or not at all. The same content twice is no error. */
  put(
    key: string,
    body: Uint8Array | Readable,
    options?: { mediaType?: string },
  ): Promise<ObjectInfo>;
  /** Undefined where none is. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** From `from` up to `to` (bytes, the last excluded). Rejects with NotFound. */
  stream(key: string, range?: { from: number; to?: number }): Promise<Readable>;
  info(key: string): Promise<ObjectInfo | undefined>;
  list(prefix: string, cursor?: string): Promise<ListPage>;
  remove(key: string): Promise<void>;
}
