import { expect, test } from "vitest";
import { nearest, nearestTo, towards } from "../../../src/map/drawing/nearest";
import { shuffled } from "../../../src/map/drawing/nesting";

const places = Float32Array.from(shuffled(1000), (value) => value / 1000);
const [x, y] = [(mark: number) => places[2 * mark]!, (mark: number) => places[2 * mark + 1]!];

test("arrows go to the nearest of the quarter they point at", () => {
  const cross = Float32Array.of(0, 0, 0.2, 0.1, 0.1, 0.5, -1, 0.9, 0, -3);
  expect([towards(cross, 0, "right"), towards(cross, 0, "down"), towards(cross, 0, "left"), towards(cross, 0, "up")]).toEqual([1, 2, 3, 4]);
  expect(towards(cross, 1, "right")).toBe(-1);
});

test("arrows reach every mark from any", () => {
  const reached = new Set([0]);
  const open = [0];
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const way of ["left", "right", "up", "down"] as const) {
      const next = towards(places, at, way);
      if (next >= 0 && !reached.has(next)) open.push(next) && reached.add(next);
    }
  expect(reached.size).toBe(500);
});

test("neighbors are those a sort finds", () => {
  const far = (mark: number) => (x(mark) - x(7)) ** 2 + (y(mark) - y(7)) ** 2;
  const sorted = [...Array(500).keys()].filter((mark) => mark !== 7).sort((a, b) => far(a) - far(b));
  expect(nearestTo(places, 7, 10)).toEqual(sorted.slice(0, 10));
});

test("a spot finds its mark within reach, and none beyond", () => {
  expect(nearest(places, { x: x(9) + 1e-5, y: y(9) }, 0.01)).toBe(9);
  expect(nearest(places, { x: 5, y: 5 }, 0.01)).toBe(-1);
});
