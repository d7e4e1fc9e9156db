/** The things that were used last, together no heavier than so much; what goes is given back. */
export class Newest<K, V> {
  #kept = new Map<K, { value: V; weight: number }>();
  #weight = 0;

  constructor(
    readonly most: number,
    readonly gone: (value: V) => void = () => undefined,
  ) {}

  get(key: K): V | undefined {
    const found = this.#kept.get(key);
    if (!found) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found.value;
  }

  set(key: K, value: V, weight = 1): void {
    this.#drop(key);
    this.#kept.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#kept.keys()) {
      if (this.#weight <= this.most || oldest === key) return;
      this.#drop(oldest);
    }
  }

  get size(): number {
    return this.#kept.size;
  }

  clear(): void {
    for (const key of [...this.#kept.keys()]) this.#drop(key);
  }

  #drop(key: K): void {
    const found = this.#kept.get(key);
    if (!found) return;
    this.#kept.delete(key);
    this.#weight -= found.weight;
    this.gone(found.value);
  }
}
