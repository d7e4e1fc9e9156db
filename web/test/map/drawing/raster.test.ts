import { expect, test } from "vitest";
import { cleared, disk, dots, mixed, type Sheet, uncovered } from "../../../src/map/drawing/raster";

const PAPER = -1; // white, as all words are signed
const INK = 0xff0000ff | 0;
const sheet = (width: number, height: number): Sheet => ({
  pixels: new Int32Array(width * height).fill(PAPER),
  width,
  height,
  left: 0,
  top: 0,
  right: width,
  bottom: height,
});

test("a disk covers its area", () => {
  for (const width of [1, 2.5, 5, 9]) {
    const covered = disk(width).cover.reduce((sum, share) => sum + share / 256, 0);
    expect(Math.abs(covered / (Math.PI * (width / 2) ** 2) - 1)).toBeLessThan(0.06);
  }
});

test("a dot lies where its mark is, x to the right and y downward", () => {
  const paper = sheet(20, 10);
  dots(paper, Float32Array.of(0.75, 0.25), Uint32Array.of(0), Int32Array.of(INK), { scale: 20, left: 0, top: 0 }, disk(3));
  expect(paper.pixels[5 * 20 + 15]).toBe(INK);
  expect(paper.pixels.filter((pixel) => pixel !== PAPER).length).toBeLessThanOrEqual(9);
});

test("the later lies over the earlier, what has no ink is not painted, and nothing runs over an edge", () => {
  const paper = sheet(8, 8);
  const places = Float32Array.of(0.5, 0.5, 0.5, 0.5, 0, 0.5, 1, 1);
  dots(
    paper,
    places,
    Uint32Array.of(0, 1, 2, 3),
    Int32Array.of(INK, 0xff00ff00 | 0, 0, 0xff112233 | 0),
    { scale: 8, left: 0, top: 0 },
    disk(2),
  );
  const share = disk(2).cover[3]!;
  expect(paper.pixels[4 * 8 + 4]).toBe(mixed(mixed(PAPER, INK, share), 0xff00ff00 | 0, share));
  expect(paper.pixels[4 * 8]).toBe(PAPER);
  expect(paper.pixels.filter((pixel) => pixel !== PAPER).length).toBe(5);
});

test("mixing goes from one color to the other", () => {
  expect(mixed(0xff102030, 0xff405060, 0)).toBe(0xff102030 | 0);
  expect(mixed(0xff102030, 0xff405060, 256)).toBe(0xff405060 | 0);
  expect(mixed(0xff000000, 0xffffffff, 128)).toBe(0xff7f7f7f | 0);
});

test("what has moved, with its edges painted, looks as if it were all painted anew", () => {
  const places = Float32Array.from({ length: 200 }, (_, i) => ((i * 7919) % 101) / 101);
  const marks = Uint32Array.from({ length: 100 }, (_, i) => i);
  const inks = Int32Array.from(marks, (mark) => 0xff000000 | (mark * 70_001));
  const paint = (part: Sheet, left: number, top: number) => dots(part, places, marks, inks, { scale: 60, left, top }, disk(5));
  for (const [right, down] of [
    [3, 0],
    [0, -4],
    [-7, 5],
    [11, 9],
    [0, 0],
    [-50, 2],
  ] as const) {
    const [before, after, anew] = [sheet(40, 30), sheet(40, 30), sheet(40, 30)];
    paint(before, -9, -8);
    for (let at = 0; at < 1200; at += 1) {
      const [x, y] = [(at % 40) - right, Math.floor(at / 40) - down];
      if (x >= 0 && y >= 0 && x < 40 && y < 30) after.pixels[at] = before.pixels[y * 40 + x]!;
    }
    for (const part of uncovered(after, right, down)) {
      cleared(part, PAPER);
      paint(part, right - 9, down - 8);
    }
    paint(anew, right - 9, down - 8);
    expect(after.pixels).toEqual(anew.pixels);
  }
});
