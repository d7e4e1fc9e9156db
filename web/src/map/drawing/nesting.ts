/** Which marks show their picture at which zoom: one a cell, and those that are there stay as one zooms in. */

/** Places of marks, x, y after x, y from 0 to 1, with what is reckoned of them once. */
export interface Layout {
  places: Float32Array;
  /** The marks along a curve on which near marks follow one another: painted so, pixels are found in the cache. */
  curve: Uint32Array;
  /** The number of halvings of the map's side from which on a mark stands for its cell. */
  levels: Uint8Array;
}

export const DEEPEST = 14; // halvings of the map's side
export const NEVER = 255; // of marks that no halving parts from another

/**
 * Lays marks out; `order` are the marks, those that stand for a cell before others first.
 *
 * A mark that stands for a cell stands for the cell inside it in which it lies, too: zooming in only adds.
 */
export function laidOut(places: Float32Array, order: Uint32Array): Layout {
  const found = new Uint8Array(order.length).fill(NEVER);
  // along the curve, and within a smallest cell by the order: a cell of any size is a run of these
  const rows = Float64Array.from(order, (mark, at) => cellOf(places[2 * mark]!, places[2 * mark + 1]!) * order.length + at).sort();
  const cells = Uint32Array.from(rows, (row) => Math.floor(row / order.length));
  const ranks = Uint32Array.from(rows, (row) => row % order.length);
  const divide = (begin: number, end: number, level: number, above: number): void => {
    let first = ranks[begin]!;
    for (let at = begin + 1; at < end; at += 1) first = Math.min(first, ranks[at]!);
    if (first !== above) found[order[first]!] = level;
    if (level === DEEPEST || end - begin === 1) return;
    const shift = 2 * (DEEPEST - level - 1);
    for (let at = begin, from = begin; at < end; from = at) {
      const cell = cells[from]! >>> shift;
      while (at < end && cells[at]! >>> shift === cell) at += 1;
      divide(from, at, level + 1, first);
    }
  };
  if (order.length) divide(0, order.length, 0, -1);
  return { places, curve: ranks.map((rank) => order[rank]!), levels: found };
}

/** The smallest cells along a curve on which those of a larger cell lie side by side: bits of x and y, in turn. */
export function cellOf(x: number, y: number): number {
  const whole = (value: number) => Math.min(Math.max(Math.floor(value * 2 ** DEEPEST), 0), 2 ** DEEPEST - 1);
  return (spread(whole(x)) | (spread(whole(y)) << 1)) >>> 0;
}

function spread(value: number): number {
  let bits = value;
  bits = (bits | (bits << 8)) & 0x00ff00ff;
  bits = (bits | (bits << 4)) & 0x0f0f0f0f;
  bits = (bits | (bits << 2)) & 0x33333333;
  return (bits | (bits << 1)) & 0x55555555;
}

/** How often the map's side is halved so that cells are no smaller than `pixels`, where the side is `scale` pixels. */
export function levelOf(scale: number, pixels: number): number {
  return Math.min(Math.max(Math.floor(Math.log2(scale / pixels)), 0), DEEPEST);
}

/** Numbers in an order that is the same every time, and knows nothing of the marks. */
export function shuffled(count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = 0x9e3779b9;
  for (let last = count - 1; last > 0; last -= 1) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    const at = ((state ^ (state >>> 13)) >>> 0) % (last + 1);
    [order[last], order[at]] = [order[at]!, order[last]!];
  }
  return order;
}
