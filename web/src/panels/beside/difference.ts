/** Two pictures in numbers, side by side. */
import type { Numbers } from "../../hosts/host";
import type { ClassScore } from "../../schema";

/** The second map less the first; null where they differ in size. */
export function difference(one: Numbers, two: Numbers): Float32Array | null {
  return one.length === two.length ? Float32Array.from(two, (value, i) => value - (one[i] ?? 0)) : null;
}

export interface Pair {
  index: number;
  label: string;
  one: number | null;
  two: number | null;
}

/** The classes that are among the first of either, the most probable in either first; null where not among its first. */
export function sideBySide(one: readonly ClassScore[], two: readonly ClassScore[]): Pair[] {
  const of = (all: readonly ClassScore[], index: number) => all.find((row) => row.index === index)?.probability ?? null;
  const labels = new Map([...one, ...two].map((row) => [row.index, row.label]));
  return [...labels]
    .map(([index, label]) => ({ index, label, one: of(one, index), two: of(two, index) }))
    .sort((a, b) => Math.max(b.one ?? 0, b.two ?? 0) - Math.max(a.one ?? 0, a.two ?? 0));
}
