import { expect, test } from "vitest";
import { byteColors, colorOf, LEVELS, paint, position, type Scale, suited, table, valueAt, written } from "../../src/views/colors";

const rgb = (color: number) => [color & 255, (color >> 8) & 255, (color >> 16) & 255];
const up: Scale = { map: "sequential", low: 0, high: 4 };
const both: Scale = { map: "diverging", low: -2, high: 2 };

test("viridis runs from violet to yellow, vik through near white", () => {
  expect(rgb(colorOf(0, up))).toEqual([68, 1, 84]);
  expect(rgb(colorOf(4, up))).toEqual([253, 231, 37]);
  const [red, green, blue] = rgb(colorOf(0, both));
  expect(Math.min(red!, green!, blue!)).toBeGreaterThan(220);
  expect(rgb(colorOf(-2, both))[2]).toBeGreaterThan(rgb(colorOf(-2, both))[0]!);
  expect(rgb(colorOf(2, both))[0]).toBeGreaterThan(rgb(colorOf(2, both))[2]!);
});

test("values beyond the ends have the ends' colors, and NaN none", () => {
  expect(colorOf(99, up)).toBe(table("sequential")[LEVELS - 1]);
  expect(colorOf(-99, both)).toBe(table("diverging")[0]);
  expect(colorOf(NaN, up)).toBe(0);
});

test("a scale is symmetric where anything is negative, and never empty", () => {
  expect(suited(-1, 3)).toEqual({ map: "diverging", low: -3, high: 3 });
  expect(suited(0.5, 3)).toEqual({ map: "sequential", low: 0, high: 3 });
  expect(suited(0, 0).high).toBe(1);
});

test("the bar's numbers are where the colors are, whatever boost and gamma", () => {
  for (const scale of [up, both])
    for (const tuning of [
      { boost: 1, gamma: 1 },
      { boost: 4, gamma: 1 },
      { boost: 2, gamma: 2.5 },
      { boost: 1, gamma: 0.5 },
    ])
      for (const place of [0, 0.1, 0.5, 0.75, 1]) expect(position(valueAt(place, scale, tuning), scale, tuning)).toBeCloseTo(place, 9);
});

test("zero keeps its color under boost and gamma", () => {
  const tuning = { boost: 8, gamma: 3 };
  expect(colorOf(0, up, tuning)).toBe(colorOf(0, up));
  expect(colorOf(0, both, tuning)).toBe(colorOf(0, both));
});

test("a tile's bytes mean values between its own ends, on the common scale", () => {
  const colors = byteColors(1, 3, up, { boost: 1, gamma: 1 }, new Uint32Array(256));
  expect(colors[0]).toBe(colorOf(1, up));
  expect(colors[255]).toBe(colorOf(3, up));
});

test("laid over a picture, nothing is transparent and much is opaque", () => {
  const [none, half, all] = Array.from(paint(new Float32Array([0, 1, 2]), both, undefined, true), (color) => color >>> 24);
  expect([none, all]).toEqual([0, 255]);
  expect(half).toBeCloseTo(128, -1);
});

test("numbers are written with three digits that count", () => {
  expect([0, 4.2042, -0.51239, 123456, 0.00001].map(written)).toEqual(["0", "4.2", "−0.512", "1.2e+5", "1.0e−5"]);
  expect(written(NaN)).toBe("–");
});
