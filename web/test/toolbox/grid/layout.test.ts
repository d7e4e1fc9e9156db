import { expect, test } from "vitest";
import { at, fitting, LEAST, layout, moved, placeOf, seen } from "../../../src/toolbox/grid/layout";

test("every tile is where it is found", () => {
  for (const [count, width, size, pictures] of [
    [1280, 490, 24, 1],
    [32, 490, 96, 1],
    [7, 100, 40, 2],
    [1, 20, 24, 1],
  ] as const) {
    const grid = layout(count, width, size, pictures);
    for (let index = 0; index < count; index += 1) {
      const { x, y } = placeOf(grid, index);
      expect(at(grid, x + grid.wide / 2, y + grid.high / 2)).toEqual({ index, u: 0.5, v: 0.5 });
    }
    expect(grid.rows * grid.columns).toBeGreaterThanOrEqual(count);
    if (grid.columns > 1) expect(grid.columns * (grid.wide + grid.gap) - grid.gap).toBeLessThanOrEqual(width);
  }
});

test("gaps, edges and what is beyond the last are no tile", () => {
  const grid = layout(5, 100, 30, 1); // three a row
  expect(at(grid, 31, 10)).toBeNull();
  expect(at(grid, -1, 10)).toBeNull();
  expect(at(grid, 97, 10)).toBeNull();
  expect(at(grid, 70, 40)).toBeNull(); // the sixth
});

test("tiles are as large as fit, but never too small to hit", () => {
  const size = fitting(64, 490, 500);
  expect(layout(64, 490, size).height).toBeLessThanOrEqual(500);
  expect(layout(64, 490, size + 1).height).toBeGreaterThan(500);
  expect(fitting(1280, 490, 600)).toBe(LEAST);
});

test("keys move by a tile or a row and stop at the ends", () => {
  const grid = layout(10, 100, 30); // 3 a row, the last has one
  expect(moved(grid, 4, 1, 0)).toBe(5);
  expect(moved(grid, 4, 0, 1)).toBe(7);
  expect(moved(grid, 8, 0, 1)).toBe(9);
  expect(moved(grid, 1, 0, -1)).toBe(1);
  expect(moved(grid, 9, 3, 0)).toBe(9);
  expect(moved(grid, 1, -3, 0)).toBe(0);
});

test("only rows in the window are drawn", () => {
  const grid = layout(1280, 490, 24);
  expect(seen(grid, 0, 260)).toEqual({ first: 0, last: 10 });
  const { first, last } = seen(grid, 13, 260);
  expect([first, last]).toEqual([0, 11]);
  expect(seen(grid, 1e6, 260).last).toBe(grid.rows);
});
