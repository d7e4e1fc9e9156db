/** Frames: four bytes with the length of a JSON head (little-endian), the head, and raw arrays.
 *
 * The head is {"header": …, "arrays": [{"name", "dtype", "shape", "offset"}]}; offsets count from the end of the head,
 * which is padded with spaces so that they are multiples of eight.
 */
import type { Arr, Frame, Numbers } from "./host";

interface Row {
  name: string;
  dtype: "uint8" | "int32" | "float32";
  shape: number[];
  offset: number;
}

const KINDS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const;

export function decode<H>(buffer: ArrayBuffer): Frame<H> {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const head = JSON.parse(text) as { header: H; arrays: Row[] };
  const arrays: Record<string, Arr> = {};
  for (const row of head.arrays) {
    const count = row.shape.reduce((a, b) => a * b, 1);
    const data: Numbers = new KINDS[row.dtype](buffer, 4 + length + row.offset, count);
    arrays[row.name] = { data, shape: row.shape };
  }
  return { header: head.header, arrays };
}
