// A map through which very many entries pass while few are in it at a time. V8 links the table that a map has outgrown to the next one,
// and lets go of neither before a full collection: everything that ever passed through would be kept till then. So it begins
// anew now and then.

const PASSED = 256;

export class RenewedMap<K, V> {
  #map = new Map<K, V>();
  #passed = 0;

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  delete(key: K): void {
    if (!this.#map.delete(key)) return;
    this.#passed += 1;
    if (this.#passed < PASSED || this.#passed < this.#map.size) return;
    this.#passed = 0;
    this.#map = new Map(this.#map);
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }
}
