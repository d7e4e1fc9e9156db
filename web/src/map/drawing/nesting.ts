/** Which marks show their picture at which zoom: one a cell, and those that are there stay as one zooms in. */

export const DEEPEST = 14; // halvings of the map's side
export const NEVER = 255; // of marks that no halving parts from another

/**
 * The number of halvings of the map's side from which on a mark stands for its cell, for each mark.
 *
 * `places` are x, y after x, y from 0 to 1; `order` are the marks, those that stand for a cell before others first.
 * A mark that stands for a cell stands for the cell inside it in which it lies, too: zooming in only adds.
 */
export function standing(places: Float32Array, order: Uint32Array): Uint8Array {
  const found = new Uint8Array(order.length).fill(NEVER);
  const codes = order.slice();
  codes.forEach((mark, at) => {
    codes[at] = cellOf(places[2 * mark]!, places[2 * mark + 1]!);
  });
  let crowd = Uint32Array.from(order.keys()); // numbers in `order`, those that do not stand yet
  for (let level = 0; level <= DEEPEST && crowd.length; level += 1) {
    const shift = 2 * (DEEPEST - level);
    const taken = new Set<number>();
    for (let at = 0; at < order.length; at += 1) if (found[order[at]!]! < level) taken.add(codes[at]! >>> shift);
    crowd = crowd.filter((at) => {
      const cell = codes[at]! >>> shift;
      if (taken.has(cell)) return true;
      taken.add(cell);
      found[order[at]!] = level;
      return false;
    });
  }
  return found;
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
