import { expect, test } from "vitest";
import { laidOut, shuffled } from "../../../src/map/drawing/nesting";
import type { Pictures } from "../../../src/map/drawing/pictures";
import { MOST_PICTURES, type Scene, sideOf, withPictures } from "../../../src/map/drawing/scene";

const count = 20_000;
const places = Float32Array.from(shuffled(2 * count), (value) => value / (2 * count));

function scene(change: Partial<Scene> = {}): Scene {
  return {
    size: { width: 1000, height: 800 },
    density: 1,
    camera: { x: 0.5, y: 0.5, zoom: 4 },
    places,
    layout: laidOut(places, shuffled(count)),
    cell: 0,
    inks: new Int32Array(count),
    selection: new Uint8Array(count),
    any: false,
    enlarged: 1,
    at: -1,
    plain: 0,
    pictures: { there: true } as Pictures,
    arrivals: 0,
    paper: 0,
    accent: "",
    ...change,
  };
}

test("dots from afar, pictures from near, and never too many of them", () => {
  expect(sideOf(scene({ camera: { x: 0.5, y: 0.5, zoom: 1 } }))).toBe(0);
  expect(sideOf(scene({ pictures: null }))).toBe(0);
  for (const zoom of [3, 5, 9, 25]) {
    const near = scene({ camera: { x: 0.5, y: 0.5, zoom } });
    const shown = withPictures(near, sideOf(near));
    expect(shown.length).toBeGreaterThan(20);
    expect(shown.length).toBeLessThanOrEqual(MOST_PICTURES);
    expect(new Set(shown).size).toBe(shown.length);
  }
});

test("zooming in takes no picture away", () => {
  const [far, near] = [4, 24].map((zoom) => scene({ camera: { x: 0.5, y: 0.5, zoom } }));
  const shown = new Set(withPictures(near!, sideOf(near!)));
  expect(shown.size).toBeGreaterThan(0);
  const still = withPictures(far!, sideOf(far!)).filter(
    (mark) => Math.abs(places[2 * mark]! - 0.5) < 0.02 && Math.abs(places[2 * mark + 1]! - 0.5) < 0.02,
  );
  expect(still.length).toBeGreaterThan(10);
  expect(still.filter((mark) => !shown.has(mark))).toEqual([]);
});

test("those selected lie above the others, and the one one is at above all, whatever their cells", () => {
  const inside = [...Array(count).keys()].filter(
    (mark) => Math.abs(places[2 * mark]! - 0.5) < 0.05 && Math.abs(places[2 * mark + 1]! - 0.5) < 0.05,
  );
  const [one, two, here] = inside as [number, number, number];
  const selection = new Uint8Array(count);
  selection[one] = selection[two] = 1;
  const shown = withPictures(scene({ selection, any: true, at: here }), 30);
  expect(shown.at(-1)).toBe(here);
  expect(shown.slice(-3, -1).sort()).toEqual([one, two].sort());
});
