import { expect, test } from "vitest";
import { cellOf, DEEPEST, laidOut, levelOf, NEVER, shuffled } from "../../../src/map/drawing/nesting";

const count = 3000;
const order = shuffled(count);
const places = Float32Array.from(shuffled(2 * count), (value) => value / (2 * count));
const { levels: found, curve } = laidOut(places, order);
const cells = (level: number, marks: Iterable<number>) =>
  [...marks].map((mark) => cellOf(places[2 * mark]!, places[2 * mark + 1]!) >>> (2 * (DEEPEST - level)));

test("each cell that holds marks shows one of them, at every zoom", () => {
  for (const level of [0, 1, 3, 5, 9]) {
    const shown = [...order].filter((mark) => found[mark]! <= level);
    const taken = cells(level, shown);
    expect(new Set(taken).size).toBe(shown.length);
    expect(new Set(taken)).toEqual(new Set(cells(level, order)));
  }
});

test("the mark that stands for a cell is the first of its marks in the order", () => {
  const first = new Map<number, number>();
  cells(4, order).forEach((cell, at) => {
    if (!first.has(cell)) first.set(cell, order[at]!);
  });
  expect([...order].filter((mark) => found[mark]! <= 4).sort()).toEqual([...first.values()].sort());
});

test("of marks at one place only the first ever stands for it", () => {
  expect([...laidOut(Float32Array.of(0.5, 0.5, 0.5, 0.5), Uint32Array.of(1, 0)).levels]).toEqual([NEVER, 0]);
});

test("cells are as large as a picture, or up to twice", () => {
  expect(levelOf(1024, 32)).toBe(5);
  expect(levelOf(1900, 32)).toBe(5);
  expect(levelOf(10, 32)).toBe(0);
});

test("the order holds every mark once, the same every time", () => {
  expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
  expect(shuffled(count)).toEqual(order);
  expect(order.slice(0, 5)).not.toEqual(Uint32Array.of(0, 1, 2, 3, 4));
});

test("along the curve every mark comes once, those of a cell side by side", () => {
  expect([...curve].sort((a, b) => a - b)).toEqual([...order.keys()]);
  for (const level of [2, 5]) {
    const runs = cells(level, curve).filter((cell, at, all) => cell !== all[at - 1]);
    expect(new Set(runs).size).toBe(runs.length);
  }
});
