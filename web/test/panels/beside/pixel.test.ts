import { expect, test } from "vitest";
import { around, RADIUS, rgb, steps } from "../../../src/panels/beside/pixel";

const side = 2 * RADIUS + 1;
const width = 20;
const height = 18;
const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : [i >> 2, (i >> 2) % width, 7][i % 4]!));
const picture = { data, width, height };

test("a pixel is found by column and row", () => {
  expect(rgb(picture, { x: 3, y: 2 })).toEqual([43, 3, 7]);
});

test("steps have their signs", () => {
  expect(steps([10, 10, 10], [12, 10, 7])).toEqual(["+2", "0", "−3"]);
});

test("around a pixel lie those around it, and beyond the picture nothing", () => {
  const cut = { data: around(picture, { x: 8, y: 9 }), width: side, height: side };
  expect(rgb(cut, { x: RADIUS, y: RADIUS })).toEqual(rgb(picture, { x: 8, y: 9 }));
  expect(rgb(cut, { x: 0, y: side - 1 })).toEqual(rgb(picture, { x: 8 - RADIUS, y: 9 + RADIUS }));
  const corner = around(picture, { x: width - 1, y: 0 });
  const alpha = (x: number, y: number) => corner[4 * (y * side + x) + 3];
  expect([alpha(RADIUS, RADIUS), alpha(RADIUS + 1, RADIUS), alpha(RADIUS, RADIUS - 1), alpha(0, side - 1)]).toEqual([255, 0, 0, 255]);
  expect(rgb({ data: corner, width: side, height: side }, { x: RADIUS, y: RADIUS })).toEqual(rgb(picture, { x: width - 1, y: 0 }));
});
