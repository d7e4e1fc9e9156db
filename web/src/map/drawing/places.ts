/** From the arrays of a map to places in the square from 0 to 1, x to the right and y downward. */
import type { Arr } from "../../hosts/host";

/** The places of every snapshot, (t, n, dims), all in one square about the middle of all; the first two dimensions. */
export function squared(points: Arr): Float32Array[] {
  const [snapshots = 0, count = 0, dims = 2] = points.shape;
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < snapshots * count; i += 1)
    for (const axis of [0, 1]) {
      const value = points.data[i * dims + axis]!;
      low[axis] = Math.min(low[axis]!, value);
      high[axis] = Math.max(high[axis]!, value);
    }
  const span = Math.max(high[0]! - low[0]!, high[1]! - low[1]!) || 1;
  const place = (i: number, axis: number) => (points.data[i * dims + axis]! - (low[axis]! + high[axis]!) / 2) / span + 0.5;
  return Array.from({ length: snapshots }, (_, snapshot) =>
    Float32Array.from({ length: 2 * count }, (_none, at) => place(snapshot * count + (at >> 1), at & 1)),
  );
}

/** The middle of each cell, (n, 2) rows and columns, and the side of a cell. */
export function onGrid(cells: Arr, { rows, columns }: { rows: number; columns: number }): { places: Float32Array; side: number } {
  const side = 1 / Math.max(rows, columns, 1);
  const place = (cell: number, all: number) => 0.5 + (cell + 0.5 - all / 2) * side;
  const places = Float32Array.from({ length: cells.data.length }, (_, at) =>
    at & 1 ? place(cells.data[at - 1]!, rows) : place(cells.data[at + 1]!, columns),
  );
  return { places, side };
}

/** Part of the way from some places to others. */
export function between(one: Float32Array, two: Float32Array, share: number, into: Float32Array): Float32Array {
  for (let at = 0; at < into.length; at += 1) into[at] = one[at]! + (two[at]! - one[at]!) * share;
  return into;
}
