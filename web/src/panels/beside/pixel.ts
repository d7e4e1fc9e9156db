/** Pixels of pictures in numbers. */
export interface Spot {
  x: number;
  y: number;
}

export interface Bytes {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** Pixels to each side of the one that is looked at. */
export const RADIUS = 7;

/** Red, green and blue of a pixel, in bytes. */
export function rgb({ data, width }: Bytes, { x, y }: Spot): number[] {
  const first = 4 * (y * width + x);
  return [...data.subarray(first, first + 3)];
}

/** By how many steps of 255 each color moves, with its sign. */
export function steps(one: readonly number[], two: readonly number[]): string[] {
  return two.map((value, i) => {
    const by = value - (one[i] ?? 0);
    return by > 0 ? `+${by}` : String(by).replace("-", "−");
  });
}

/** The pixels around one, as they are; what lies beyond the picture is clear. */
export function around({ data, width, height }: Bytes, { x, y }: Spot): Uint8ClampedArray<ArrayBuffer> {
  const side = 2 * RADIUS + 1;
  const cut = new Uint8ClampedArray(4 * side * side);
  for (let row = 0; row < side; row += 1) {
    const from = y - RADIUS + row;
    const [left, right] = [Math.max(0, x - RADIUS), Math.min(width, x + RADIUS + 1)];
    if (from < 0 || from >= height) continue;
    cut.set(data.subarray(4 * (from * width + left), 4 * (from * width + right)), 4 * (row * side + left - x + RADIUS));
  }
  return cut;
}
