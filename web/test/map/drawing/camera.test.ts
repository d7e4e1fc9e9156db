import { expect, test } from "vitest";
import { panned, read, showing, toMap, toScreen, WHOLE, written, zoomed } from "../../../src/map/drawing/camera";

const size = { width: 900, height: 600 };

test("the whole map is seen at first, right side up", () => {
  expect(toScreen(WHOLE, size, { x: 0, y: 0 })).toEqual({ x: 174, y: 24 });
  expect(toScreen(WHOLE, size, { x: 1, y: 1 })).toEqual({ x: 726, y: 576 });
});

test("screen and map are each other's way back", () => {
  const camera = { x: 0.3, y: 0.7, zoom: 5 };
  const spot = toMap(camera, size, toScreen(camera, size, { x: 0.31, y: 0.66 }));
  expect(spot.x).toBeCloseTo(0.31);
  expect(spot.y).toBeCloseTo(0.66);
});

test("what is under the pointer stays there while one zooms and drags", () => {
  const about = { x: 500, y: 200 };
  const still = toMap(WHOLE, size, about);
  const near = zoomed(WHOLE, size, 8, about);
  expect(near.zoom).toBe(8);
  expect(toScreen(near, size, still).x).toBeCloseTo(500);
  const moved = toScreen(panned(near, size, 30, -20), size, still);
  expect([moved.x, moved.y].map(Math.round)).toEqual([530, 180]);
});

test("a mark beyond the edge is brought in, one in sight moves nothing", () => {
  const camera = { x: 0.5, y: 0.5, zoom: 10 };
  expect(showing(camera, size, { x: 0.51, y: 0.5 })).toEqual(camera);
  const at = toScreen(showing(camera, size, { x: 0.9, y: 0.5 }), size, { x: 0.9, y: 0.5 });
  expect(Math.round(at.x)).toBe(840);
});

test("an address holds the camera, and nothing of the whole map", () => {
  expect(written(WHOLE)).toBe("");
  expect(read(written({ x: 0.25, y: 0.125, zoom: 12 }))).toEqual({ x: 0.25, y: 0.125, zoom: 12 });
  for (const wrong of ["", "a,b,c", "0.1,0.2", "0.1,0.2,-3"]) expect(read(wrong)).toEqual(WHOLE);
});
