// Which attempts the runner knows, as far as this engine has heard.
import type { AttemptName } from '#schemas/work-order.ts';

export interface AttemptBook {
  /** False when it is in the book already. */
  add(name: AttemptName): boolean;
  remove(name: AttemptName): void;
  has(name: AttemptName): boolean;
  clear(): void;
  readonly size: number;
}

export function createAttemptBook(): AttemptBook {
  const names = new Set<string>();
  return {
    add: (name) => {
      const key = keyOf(name);
      if (names.has(key)) return false;
      names.add(key);
      return true;
    },
    remove: (name) => {
      names.delete(keyOf(name));
    },
    has: (name) => names.has(keyOf(name)),
    clear: () => names.clear(),
    get size() {
      return names.size;
    },
  };
}

/** One text for each attempt: none of the parts before the address can hold a slash, and the attempt comes first. */
export function keyOf(name: AttemptName): string {
  return `${name.attempt}/${name.namespace}/${name.run}/${name.address}`;
}
