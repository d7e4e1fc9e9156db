import { expect, test } from "vitest";
import { difference, sideBySide } from "../../../src/panels/beside/difference";

const score = (index: number, probability: number) => ({ index, label: `class ${index}`, probability, score: 0 });

test("the difference is the other picture less this one, where both maps are of one size", () => {
  expect(difference(Float32Array.of(1, 2), Float32Array.of(4, 1))).toEqual(Float32Array.of(3, -1));
  expect(difference(Float32Array.of(1), Float32Array.of(4, 1))).toBeNull();
});

test("classes of both stand in one table, the most probable in either first", () => {
  const rows = sideBySide([score(3, 0.5), score(7, 0.2)], [score(7, 0.9), score(1, 0.1)]);
  expect(rows.map(({ index, one, two }) => [index, one, two])).toEqual([
    [7, 0.2, 0.9],
    [3, 0.5, null],
    [1, null, 0.1],
  ]);
});
