import { expect, test } from "vitest";
import { MOST, ofCategories, ofValues, pixelOf } from "../../../src/map/drawing/inks";

test("categories have colors of their own, in their order, with how many; what has none is grey", () => {
  const { words, legend, plain } = ofCategories(Int32Array.of(0, 1, 1, -1), ["a", "b", "unused"], false, "no class");
  expect(legend.map(({ name, marks }) => [name, marks])).toEqual([
    ["a", [0]],
    ["b", [1, 2]],
    ["no class", [3]],
  ]);
  expect(words[0]).toBe(pixelOf(0x0077bb));
  expect(words[1]).toBe(words[2]);
  expect([words[3], new Set(words).size]).toEqual([plain, 3]);
});

test("of too many the most frequent have one; where each is of one mark, none", () => {
  const codes = Int32Array.from({ length: 40 }, (_, i) => (i < 30 ? i % 15 : 14));
  const names = Array.from({ length: 15 }, (_, i) => `${i}`);
  const { legend } = ofCategories(codes, names, false, "");
  expect(legend.length).toBe(MOST + 1);
  expect(legend.at(-1)?.name).toBe("3 others");
  expect(legend.map((line) => line.name)).toContain("14");
  expect(ofCategories(Int32Array.from(names, Number), names, false, "").legend.map((line) => line.name)).toEqual([
    "15 classes (too many to color)",
  ]);
});

test("a pixel holds red first, as ImageData has it", () => {
  expect([...new Uint8Array(Int32Array.of(pixelOf(0x0a141e)).buffer)]).toEqual([10, 20, 30, 255]);
});

test("values go along the scale, and what is not known is grey", () => {
  const { words, scale, plain } = ofValues(Float32Array.of(0, 2, NaN), { low: 0, high: 2 }, false);
  expect(scale).toMatchObject({ map: "sequential", low: 0, high: 2 });
  expect(words[2]).toBe(plain);
  expect(new Set(words).size).toBe(3);
});
