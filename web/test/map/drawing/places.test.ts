import { expect, test } from "vitest";
import { between, onGrid, squared } from "../../../src/map/drawing/places";

test("all maps lie in one square, x to the right and y downward", () => {
  const points = { data: Float32Array.of(0, 0, 4, 2, 0, 1, 4, -2), shape: [2, 2, 2] };
  const [one, two] = squared(points);
  expect([...one!]).toEqual([0, 0.5, 1, 1]);
  expect([...two!]).toEqual([0, 0.75, 1, 0]);
});

test("of three dimensions the first two are shown, and points at one place lie in the middle", () => {
  expect([...squared({ data: Float32Array.of(5, 5, 9, 5, 5, 1), shape: [1, 2, 3] })[0]!]).toEqual([0.5, 0.5, 0.5, 0.5]);
});

test("cells follow rows and columns, about the middle", () => {
  const { places, side } = onGrid({ data: Int32Array.of(0, 0, 0, 3, 1, 2), shape: [3, 2] }, { rows: 2, columns: 4 });
  expect(side).toBe(0.25);
  expect([...places]).toEqual([0.125, 0.375, 0.875, 0.375, 0.625, 0.625]);
});

test("half of the way is the middle", () => {
  expect([...between(Float32Array.of(0, 2), Float32Array.of(1, 4), 0.5, new Float32Array(2))]).toEqual([0.5, 3]);
});
