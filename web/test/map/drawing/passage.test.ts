import { expect, test } from "vitest";
import { laidOut } from "../../../src/map/drawing/nesting";
import { Passage } from "../../../src/map/drawing/passage";

const target = (...places: number[]) => {
  const at = Float32Array.from(places);
  return { layout: laidOut(at, Uint32Array.of(0)), places: at, cell: 0 };
};

test("marks go from where they are to where they are to be, and a turn on the way begins there", () => {
  const passage = new Passage();
  passage.go(target(0, 0), 0, false);
  expect([...passage.places(0)]).toEqual([0, 0]);
  passage.go(target(1, 0.5), 1000, false);
  expect([...passage.places(1000)]).toEqual([0, 0]);
  expect([...passage.places(1350)]).toEqual([0.5, 0.25]);
  expect(passage.moving(1350)).toBe(true);
  passage.go(target(0.5, 1), 1350, false);
  expect([...passage.places(1350)]).toEqual([0.5, 0.25]);
  expect([...passage.places(3000)]).toEqual([0.5, 1]);
  expect(passage.moving(3000)).toBe(false);
});

test("where motion is not wanted they are there at once", () => {
  const passage = new Passage();
  passage.go(target(0, 0), 0, true);
  passage.go(target(1, 1), 5, true);
  expect([...passage.places(5)]).toEqual([1, 1]);
  expect(passage.moving(5)).toBe(false);
});
