import { expect, test } from "vitest";
import { about, between, changed } from "../../src/toolbox/boxes";

const frame = { width: 100, height: 80 };

test("a box is drawn between any two corners and stays inside", () => {
  expect(between({ x: 60, y: 50 }, { x: 10, y: 20 }, frame)).toEqual({ top: 20, left: 10, bottom: 50, right: 60 });
  expect(between({ x: 90, y: 70 }, { x: 400, y: -9 }, frame)).toEqual({ top: 0, left: 90, bottom: 70, right: 100 });
});

test("a click puts a box of a usual size, moved inside at the edge", () => {
  expect(between({ x: 50, y: 40 }, { x: 51, y: 40 }, frame)).toEqual(about({ x: 51, y: 40 }, 48, frame));
  expect(about({ x: 0, y: 80 }, 20, frame)).toEqual({ top: 60, left: 0, bottom: 80, right: 20 });
});

test("keys move it, grow it about its middle, and never out of the picture", () => {
  const box = { top: 20, left: 20, bottom: 40, right: 40 };
  expect(changed(box, 4, -4, 0, frame)).toEqual({ top: 16, left: 24, bottom: 36, right: 44 });
  expect(changed(box, 0, 0, 8, frame)).toEqual({ top: 16, left: 16, bottom: 44, right: 44 });
  expect(changed(box, 999, 999, 0, frame)).toEqual({ top: 60, left: 80, bottom: 80, right: 100 });
  expect(changed(box, 0, 0, -999, frame)).toEqual({ top: 28, left: 28, bottom: 32, right: 32 });
});
