import { expect, test } from "vitest";
import { cropsOf } from "../../src/panels/gallery";

test("the strips of a layer become square opaque pictures by channel", () => {
  const strips = { shape: [2, 2, 4, 4], data: new Uint8Array(64) };
  strips.data.fill(255, 0, 32); // the first strip white and opaque, the second empty: that unit never fired
  const spec = { panels: [{ array: "strips", labels: ["5 · 3.2", "9 · no entries"] }] };
  const header = { digest: "", technique: "patches", unit: "a", spec, evidence: {}, python: "" };
  const { arrays } = cropsOf({ header, arrays: { strips } }, "a");
  expect(Array.from(arrays.channels?.data ?? [])).toEqual([5, 9]);
  expect(arrays.pictures?.shape).toEqual([2, 2, 2, 3]);
  expect(Array.from(arrays.pictures?.data ?? [])).toEqual([...Array<number>(12).fill(255), ...Array<number>(12).fill(236)]);
});
