import { expect, test } from "vitest";
import type { Scale } from "../../src/views/colors";
import { ends, grid, type Panel, placeOf, roomFor, under } from "../../src/views/tile_layout";

const scale: Scale = { map: "sequential", low: 0, high: 1 };
const panel = (given: Partial<Panel>): Panel => ({
  title: "",
  array: "a",
  scale: null,
  labels: [],
  columns: 0,
  side: 0,
  exact: false,
  ...given,
});
const sizes = (given: Partial<Panel>, shape: number[], space = 944) => {
  const { columns, tile } = grid(panel(given), shape, space);
  return [columns, tile.width, tile.height];
};

test("in the room a PNG has, tiles are as large as in the PNG", () => {
  // What convscope.view.render.layout._grid gives for the same panels.
  expect(sizes({ scale }, [1, 224, 224])).toEqual([1, 224, 224]);
  expect(sizes({ scale }, [1, 7, 7])).toEqual([1, 224, 224]);
  expect(sizes({ scale }, [1, 300, 500])).toEqual([1, 224, 134]);
  expect(sizes({ scale, side: 896 }, [1, 16, 64])).toEqual([1, 896, 224]);
  expect(sizes({ side: 928 }, [1, 600, 800, 3])).toEqual([1, 800, 600]);
  expect(sizes({ scale, labels: ["a"] }, [64, 14, 14])).toEqual([12, 70, 70]);
  expect(sizes({ scale, labels: ["a"] }, [1280, 7, 7])).toEqual([29, 28, 28]);
  expect(sizes({ labels: ["a"], side: 112 }, [9, 160, 224, 4])).toEqual([8, 112, 80]);
  expect(sizes({ scale, labels: ["a"], columns: 24 }, [576, 3, 3])).toEqual([24, 33, 33]);
});

test.each([120, 320, 390, 944])("in %i pixels no free grid is wider than its room, and no tile lies over another", (space) => {
  for (const shape of [
    [1, 224, 224],
    [9, 112, 112, 4],
    [64, 14, 14],
    [1280, 7, 7],
    [3, 300, 200, 3],
  ]) {
    const laid = grid(panel({ scale, labels: ["1"], side: shape[0] === 9 ? 112 : 0 }), shape, space);
    expect(laid.width).toBeLessThanOrEqual(space);
    const places = Array.from({ length: shape[0] ?? 0 }, (_, i) => placeOf(laid, i));
    const [first, second, next] = [places[0], places[1], places[laid.columns]];
    if (first && second && laid.columns > 1) expect(second.x - first.x).toBeGreaterThan(laid.tile.width);
    if (first && next) expect(next.y - first.y).toBeGreaterThan(laid.tile.height);
    const last = places.at(-1);
    expect((last?.y ?? 0) + laid.tile.height + laid.under).toBeLessThanOrEqual(laid.height);
  }
});

test("values are enlarged by whole numbers, so that each is a square of the same size", () => {
  expect(grid(panel({ scale }), [1, 7, 9], 200).tile).toEqual({ width: 198, height: 154 });
});

test("the value under the pointer is that of the tile and place it is on", () => {
  const laid = grid(panel({ scale }), [6, 4, 4], 100);
  for (const index of [0, 3, 5]) {
    const at = placeOf(laid, index);
    const cell = laid.tile.width / 4;
    expect(under(laid, [6, 4, 4], at.x + 2.5 * cell, at.y + 1.5 * cell)).toEqual({ index, y: 1, x: 2 });
    expect(under(laid, [6, 4, 4], at.x + laid.tile.width + 1, at.y + 1)).toBeNull();
  }
  expect(under(laid, [6, 4, 4], 5, 9999)).toBeNull();
});

test("lone pictures stand two by two where one would waste the room, and alone where there is none or enough", () => {
  const shapes = [
    [1, 224, 224, 3],
    [1, 13, 13],
    [64, 7, 7],
  ];
  const three = [panel({}), panel({ scale }), panel({ scale })];
  expect(roomFor(three, shapes, 400, 12)).toEqual([194, 194, 400]);
  expect(roomFor(three, shapes, 200, 12)).toEqual([200, 200, 200]);
  expect(roomFor(three, shapes, 944, 12)).toEqual([944, 944, 944]);
  expect(roomFor(three.slice(1), shapes.slice(1), 400, 12)).toEqual([400, 400]);
});

test("a color bar has numbers, and signs where values lie beyond its ends", () => {
  expect(ends({ map: "sequential", low: 0, high: 2.5 })).toEqual(["0", "", "2.5"]);
  expect(ends({ map: "diverging", low: -1.234, high: 1.234, clipped: true })).toEqual(["≤ −1.23", "0", "≥ 1.23"]);
  expect(ends({ map: "sequential", low: -590, high: -320 })).toEqual(["−590", "", "−320"]);
  expect(ends({ map: "diverging", low: -1, high: 1, label: "weight" })[1]).toBe("weight");
});
