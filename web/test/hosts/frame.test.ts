import { expect, test } from "vitest";
import { decode } from "../../src/hosts/frame";

/** A frame as `frame.py` lays it out: the length of the head, the head padded to eights, raw arrays. */
function frame(header: object, arrays: { name: string; dtype: string; shape: number[]; bytes: Uint8Array }[]): ArrayBuffer {
  let offset = 0;
  const rows = arrays.map(({ name, dtype, shape, bytes }) => {
    const row = { name, dtype, shape, offset };
    offset += Math.ceil(bytes.length / 8) * 8;
    return row;
  });
  let text = JSON.stringify({ header, arrays: rows });
  while ((4 + text.length) % 8) text += " ";
  const buffer = new ArrayBuffer(4 + text.length + offset);
  new DataView(buffer).setUint32(0, text.length, true);
  new Uint8Array(buffer, 4).set(new TextEncoder().encode(text));
  for (const [i, row] of rows.entries()) new Uint8Array(buffer, 4 + text.length + row.offset).set(arrays[i]!.bytes);
  return buffer;
}

test("a frame gives its header and each array in its own type", () => {
  const floats = new Float32Array([0.5, -2, 1e6]);
  const decoded = decode<{ layer: string }>(
    frame({ layer: "conv" }, [
      { name: "tiles", dtype: "uint8", shape: [1, 1, 3], bytes: new Uint8Array([0, 128, 255]) },
      { name: "low", dtype: "float32", shape: [3], bytes: new Uint8Array(floats.buffer) },
      { name: "channels", dtype: "int32", shape: [2], bytes: new Uint8Array(new Int32Array([-1, 7]).buffer) },
    ]),
  );
  expect(decoded.header.layer).toBe("conv");
  expect(Array.from(decoded.arrays.tiles!.data)).toEqual([0, 128, 255]);
  expect(decoded.arrays.tiles!.shape).toEqual([1, 1, 3]);
  expect(Array.from(decoded.arrays.low!.data)).toEqual([0.5, -2, 1e6]);
  expect(Array.from(decoded.arrays.channels!.data)).toEqual([-1, 7]);
});

test("an empty array is empty", () => {
  const decoded = decode(frame({}, [{ name: "pictures", dtype: "uint8", shape: [0, 4, 4, 3], bytes: new Uint8Array(0) }]));
  expect(decoded.arrays.pictures!.data.length).toBe(0);
});
