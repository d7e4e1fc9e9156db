import { expect, test } from "vitest";
import { difference, sideBySide } from "../../src/panels/difference";
import { cropsOf } from "../../src/panels/gallery";

const score = (index: number, probability: number) => ({ index, label: `class ${index}`, probability, score: 0 });

test("the difference is the other picture less this one, where both maps are of one size", () => {
  expect(difference(Float32Array.of(1, 2), Float32Array.of(4, 1))).toEqual(Float32Array.of(3, -1));
  expect(difference(Float32Array.of(1), Float32Array.of(4, 1))).toBeNull();
});

test("classes of both stand in one table, the most probable in either first", () => {
  const rows = sideBySide([score(3, 0.5), score(7, 0.2)], [score(7, 0.9), score(1, 0.1)]);
  expect(rows.map(({ index, one, two }) => [index, one, two])).toEqual([[7, 0.2, 0.9], [3, 0.5, null], [1, null, 0.1]]);
});

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
