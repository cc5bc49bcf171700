// Where runs, their logs and the index of runs live.

/** `pk` begins with `NS#<namespace>`; items of one `pk` sort by `sk` (by bytes of UTF-8). */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** Attributes are JSON. `v` is the format version. */
export type Attributes = { readonly [name: string]: unknown };
export type Item = Key & { readonly v: number } & Attributes;

/** All parts must hold. An absent item has no attributes; `absent: ['x']` holds for an item that lacks attribute `x`. */
export interface Condition {
  /** The item must (not) be there. */
  readonly exists?: boolean;
  readonly equals?: { readonly [attribute: string]: string | number | boolean };
  /** The attribute is at most this number (an absent one counts as 0). */
  readonly atMost?: { readonly [attribute: string]: number };
  readonly lacks?: readonly string[];
}

/** Changes of single attributes; what is not named stays. */
export interface Changes {
  readonly set?: Attributes;
  /** Adds to a number; an absent one counts as 0. */
  readonly add?: { readonly [attribute: string]: number };
  readonly remove?: readonly string[];
}

export type Write =
  | { readonly write: 'put'; readonly item: Item; readonly if?: Condition }
  /** Demands that the item exists. */
  | {
      readonly write: 'update';
      readonly key: Key;
      readonly changes: Changes;
      readonly if?: Condition;
    }
  | { readonly write: 'delete'; readonly key: Key; readonly if?: Condition }
  | { readonly write: 'check'; readonly key: Key; readonly if: Condition };

export interface Page {
  readonly items: readonly Item[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string;
}

export interface Query {
  readonly pk: string;
  /** Only items whose `sk` begins so. */
  readonly prefix?: string;
  /** Only items whose `sk` comes after this one (before it, when `reverse`). */
  readonly after?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
  readonly cursor?: string;
}

/**
 * Every write is conditional; nothing is overwritten unseen. All reads are strongly consistent.
 * A condition that does not hold rejects with Conflict `condition_failed`, `details.index` the first write whose condition failed.
 */
export interface Table {
  /** Bounds of this adapter: items of one transaction, and what one advance may take in and start. */
  readonly bounds: {
    readonly transactItems: number;
    readonly advanceOutcomes: number;
    readonly advanceStarts: number;
  };
  get(key: Key): Promise<Item | undefined>;
  /** In the order of the keys; undefined where none is. At most `limits.page`. */
  getMany(keys: readonly Key[]): Promise<readonly (Item | undefined)[]>;
  query(query: Query): Promise<Page>;
  /** Stores the item if none has its key. Answers the winner when one has: creating twice is no error. */
  putIfAbsent(item: Item): Promise<{ created: true } | { created: false; existing: Item }>;
  /** Changes an item that exists and answers it as it is afterwards. */
  update(key: Key, changes: Changes, condition?: Condition): Promise<Item>;
  /** All or nothing. */
  transact(writes: readonly Write[]): Promise<void>;
}
