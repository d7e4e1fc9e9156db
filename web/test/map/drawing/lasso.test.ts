import { expect, test } from "vitest";
import { inside, marksInside } from "../../../src/map/drawing/lasso";

// a U: the notch between its arms is outside
const cup = [
  [0, 0],
  [1, 0],
  [1, 3],
  [2, 3],
  [2, 0],
  [3, 0],
  [3, 4],
  [0, 4],
].map(([x, y]) => ({ x: x!, y: y! }));

test("inside is inside, also of a line that bends", () => {
  expect(inside(cup, 0.5, 1)).toBe(true);
  expect(inside(cup, 1.5, 1)).toBe(false);
  expect(inside(cup, 1.5, 3.5)).toBe(true);
  expect(inside(cup, 4, 1)).toBe(false);
});

test("the marks inside are those, whichever way round the line runs", () => {
  const places = Float32Array.of(0.5, 1, 1.5, 1, 2.5, 2, -1, 2);
  expect(marksInside(cup, places)).toEqual([0, 2]);
  expect(marksInside([...cup].reverse(), places)).toEqual([0, 2]);
  expect(marksInside([], places)).toEqual([]);
});
