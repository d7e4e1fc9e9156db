import { expect, test } from "vitest";
import { bars, decades, heightOf, ticks } from "../../../src/panels/scan/bars";

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

test("every value of the scan's bins is in one bar or among the zeros", () => {
  const edges = [-2, -1, 0, 0, 0.5, 1, 2, 4, 8];
  const counts = [3, 5, 100, 7, 11, 13, 17, 19];
  const found = bars(edges, counts, 10);
  expect(found.zeros).toBe(100);
  expect(found.total).toBe(175);
  expect(sum(found.counts)).toBeCloseTo(75);
  expect([found.low, found.high]).toEqual([-2, 8]);
  expect(found.counts.slice(0, 2)).toEqual([3, 5].map((count) => expect.closeTo(count)));
  expect(found.counts[6]).toBeCloseTo(19 / 4); // a wide bin is spread evenly
});

test("bins that have no end, or that are all there is, still make bars", () => {
  const open = bars([-Infinity, -4, 0, 4, Infinity], [1, 2, 3, 4], 8);
  expect([open.low, open.high]).toEqual([-4, 4]);
  expect(sum(open.counts)).toBeCloseTo(10);
  const still = bars([0, 0], [50], 4);
  expect([still.zeros, still.low, still.high, sum(still.counts)]).toEqual([50, 0, 1, 0]);
  expect(bars([0], [], 4).total).toBe(0);
});

test("empty bins at the ends do not stretch the axis", () => {
  expect(bars([-100, 1, 2, 300], [0, 5, 0], 4).high).toBe(2);
});

test("ticks are round, in order and inside", () => {
  expect(ticks(0, 8, 4)).toEqual([0, 2, 4, 6, 8]);
  expect(ticks(-0.37, 1.2, 4)).toEqual([0, 0.5, 1]);
  for (const [low, high] of [
    [0, 0.00013],
    [-17, 3],
    [0, 98765],
  ] as const) {
    const found = ticks(low, high, 5);
    expect(found.length).toBeGreaterThan(1);
    expect(found.every((value, i) => value >= low && value <= high && (i === 0 || value > (found[i - 1] ?? NaN)))).toBe(true);
  }
});

test("a logarithmic axis shows one value beside a million, and runs to the same top", () => {
  expect(heightOf(1, 1e6, true)).toBeGreaterThan(0.04);
  expect(heightOf(1, 1e6, false)).toBeLessThan(1e-5);
  for (const way of [true, false]) expect([heightOf(0, 9, way), heightOf(9, 9, way)]).toEqual([0, 1]);
  expect(decades(2_500_000)).toEqual([1, 100, 10_000, 1_000_000]);
});
