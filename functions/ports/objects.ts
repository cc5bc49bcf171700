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

/** Who may do what with one object without asking us again, and for how long. */
export type PresignRequest =
  | { readonly do: 'get'; readonly key: string; readonly milliseconds: number }
  /** Exactly this content and no other; it is judged by whoever takes it in. */
  | {
      readonly do: 'put';
      readonly key: string;
      readonly milliseconds: number;
      readonly size: number;
      readonly sha256: string;
      readonly mediaType?: string;
    };

/** A request as it has to be made: the headers are part of what was signed. */
export interface Presigned {
  readonly method: 'GET' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
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
  /**
   * An address by which whoever has it reads or writes this one object. A put through it is refused where the key is taken, by the
   * same content too. Where programs share the machine with us a `get` is a `file:` address and a `put` is Rejected.
   */
  presign(request: PresignRequest): Promise<Presigned>;
}
