import { expect, test } from "vitest";
import type { PlaneInfo } from "../../../src/schema";
import { type Orbit, seenAt } from "../../../src/space/drawing/orbit";
import { cellAt, cellsOf, middleOf, pick } from "../../../src/space/drawing/picking";

function plane(along: number, units: number): PlaneInfo {
  const columns = Math.ceil(Math.sqrt(units));
  const rows = Math.ceil(units / columns);
  const of = { kind: "Conv2d", joined: [], shape: [units, 4, 4], level: along, lane: 0, across: 0.5 };
  return { ...of, layer: `at ${along}`, along, width: 2, height: 2, columns, rows };
}

const PLANES = [plane(0, 7), plane(3, 20)];
const ORBIT: Orbit = { target: { x: 1, y: 0, z: 0 }, turn: 0.5, tilt: 0.2, distance: 12 };

test("every channel lies in its own cell, and the cells after the last are empty", () => {
  for (const one of PLANES)
    for (let channel = 0; channel < one.columns * one.rows; channel += 1) {
      const { y, z } = middleOf(one, channel);
      expect(cellAt(one, z, y)).toBe(channel < cellsOf(one) ? channel : -1);
    }
  expect(cellAt(PLANES[0]!, 1.51, 0)).toBe(-1);
});

test("the nearest plane that is shown is picked, at the channel that is seen there", () => {
  const spot = seenAt(ORBIT, 1.5, middleOf(PLANES[1]!, 11));
  expect(pick(PLANES, (number) => number === 1, ORBIT, 1.5, spot.x, spot.y)).toMatchObject({ plane: 1, channel: 11 });
  const near = seenAt(ORBIT, 1.5, middleOf(PLANES[0]!, 5));
  expect(pick(PLANES, () => true, ORBIT, 1.5, near.x, near.y)).toMatchObject({ plane: 0, channel: 5 });
  expect(pick(PLANES, () => true, ORBIT, 1.5, 0.98, 0.98)).toBe(null);
});
