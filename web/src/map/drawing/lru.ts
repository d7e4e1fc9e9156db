/** The things that were used last, no more than so many; what goes is given back. */
export class Newest<K, V> {
  #kept = new Map<K, V>();

  constructor(
    readonly most: number,
    readonly gone: (value: V) => void = () => undefined,
  ) {}

  get(key: K): V | undefined {
    const value = this.#kept.get(key);
    if (value === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    const before = this.#kept.get(key);
    if (before !== undefined) this.gone(before);
    this.#kept.delete(key);
    this.#kept.set(key, value);
    if (this.#kept.size <= this.most) return;
    const [oldest, dropped] = this.#kept.entries().next().value as [K, V];
    this.#kept.delete(oldest);
    this.gone(dropped);
  }

  get size(): number {
    return this.#kept.size;
  }

  clear(): void {
    for (const value of this.#kept.values()) this.gone(value);
    this.#kept.clear();
  }
}
