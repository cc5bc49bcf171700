// Where what was made on one machine is kept for others: environments by their key, trees of operators by their commit.
// One machine with a cache folder of its own needs none.

export interface Archived {
  readonly kind: 'environments' | 'trees';
  readonly name: string;
  /** Aborts what is under way, waits included. */
  readonly signal?: AbortSignal | undefined;
}

export interface Archive {
  /**
   * Unpacks into a folder that is made for it. False when nothing is kept under that name; then the folder is not there. What is
   * kept is whole only if it holds what was packed last, for which the caller looks.
   */
  restore(what: Archived, folder: string): Promise<boolean>;
  /** Packs these members of the folder, in this order. That it cannot be kept is said in the log and fails nothing. */
  keep(what: Archived, folder: string, members: readonly string[]): Promise<void>;
  /** What `find` finds, else what `make` makes; of all machines that ask at the same time one makes it, where they keep what they make. */
  once<T>(what: Archived, find: () => Promise<T | undefined>, make: () => Promise<T>): Promise<T>;
}
