// Who is next among those that wait for a handler: a lane for each run and name, by turns, so that a run with 50,000 instances does not
// hold up one with a single node. Knows nothing of how anything is done.

interface Lane<T> {
  readonly name: string;
  items: T[];
  /** How many of the items were taken already. */
  taken: number;
}

export class Lanes<T> {
  /** Those that may give the next one, in the order of their turns. */
  readonly #open = new Map<string, Lane<T>>();
  /** Those whose handler has no place left. */
  readonly #shut = new Map<string, Lane<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(run: string, name: string, item: T): void {
    const key = `${run}/${name}`;
    let lane = this.#open.get(key) ?? this.#shut.get(key);
    if (lane === undefined) {
      lane = { name, items: [], taken: 0 };
      this.#open.set(key, lane);
    }
    lane.items.push(item);
    this.#size += 1;
  }

  /** The next one whose turn it is, of those names that have a place. */
  take(hasPlace: (name: string) => boolean): T | undefined {
    for (const [key, lane] of this.#open) {
      if (!hasPlace(lane.name)) {
        this.#open.delete(key);
        this.#shut.set(key, lane);
        continue;
      }
      const item = lane.items[lane.taken];
      lane.taken += 1;
      this.#size -= 1;
      // To the end of the turns, unless it is alone.
      const isLast = lane.taken >= lane.items.length;
      if (isLast || this.#open.size > 1) this.#open.delete(key);
      if (!isLast) this.#open.set(key, lane);
      forgetTaken(lane);
      return item;
    }
    return undefined;
  }

  /** A place of this name is free again. */
  reopen(name: string): void {
    if (this.#shut.size === 0) return;
    for (const [key, lane] of this.#shut) {
      if (lane.name !== name) continue;
      this.#shut.delete(key);
      this.#open.set(key, lane);
    }
  }

  /** Takes out what is not wanted any more. */
  remove(unwanted: (item: T) => boolean): readonly T[] {
    const removed: T[] = [];
    for (const lanes of [this.#open, this.#shut]) {
      for (const [key, lane] of lanes) {
        const left = lane.items.slice(lane.taken);
        lane.items = left.filter((item) => !unwanted(item));
        lane.taken = 0;
        if (lane.items.length === left.length) continue;
        removed.push(...left.filter(unwanted));
        if (lane.items.length === 0) lanes.delete(key);
      }
    }
    this.#size -= removed.length;
    return removed;
  }
}

const HELD = 1_000;

/** What was taken must not be held on to until the lane is empty. */
function forgetTaken<T>(lane: Lane<T>): void {
  if (lane.taken < HELD) return;
  lane.items = lane.items.slice(lane.taken);
  lane.taken = 0;
}
