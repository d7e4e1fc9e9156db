import { expect, test } from "vitest";
import {
  aheadOf,
  eyeOf,
  fitting,
  type Orbit,
  rightOf,
  seenAt,
  shifted,
  through,
  turned,
  upOf,
  type Vector,
  zoomed,
} from "../../../src/space/drawing/orbit";

const ORBIT: Orbit = { target: { x: 2, y: 0.5, z: -1 }, turn: 0.7, tilt: 0.3, distance: 9 };
const dot = (one: Vector, two: Vector) => one.x * two.x + one.y * two.y + one.z * two.z;

test("the axes of the screen stand upright on one another", () => {
  const axes = [aheadOf(ORBIT), rightOf(ORBIT), upOf(ORBIT)];
  for (const one of axes) for (const two of axes) expect(dot(one, two)).toBeCloseTo(one === two ? 1 : 0);
});

test("rows of channels go to the right wherever one stands, so that no picture is mirrored", () => {
  for (let turn = -3; turn <= 3; turn += 0.5) expect(rightOf(turned({ ...ORBIT, turn: 0 }, turn, 0)).z).toBeGreaterThan(0);
});

test("what is seen at a spot lies on the way through it", () => {
  const way = through(ORBIT, 1.6, 0.4, -0.3);
  const eye = eyeOf(ORBIT);
  const spot = seenAt(ORBIT, 1.6, { x: eye.x + 5 * way.x, y: eye.y + 5 * way.y, z: eye.z + 5 * way.z });
  expect([spot.x, spot.y]).toEqual([expect.closeTo(0.4), expect.closeTo(-0.3)]);
  const middle = seenAt(ORBIT, 1.6, ORBIT.target);
  expect([middle.x, middle.y, middle.z]).toEqual([expect.closeTo(0), expect.closeTo(0), expect.closeTo(9)]);
});

test("what is moved by a share of the screen is seen there, and all fits", () => {
  const moved = seenAt(shifted(ORBIT, 0.25, 0), 1, ORBIT.target);
  expect([moved.x, moved.y]).toEqual([expect.closeTo(-0.5), expect.closeTo(0)]);
  const points = [-4, 9].flatMap((x) => [-1, 1].flatMap((y) => [-1, 3].map((z) => ({ x, y, z }))));
  const reach = points
    .map((point) => seenAt(fitting(ORBIT, points, 1.5), 1.5, point))
    .map(({ x, y }) => Math.max(Math.abs(x), Math.abs(y)));
  expect(Math.max(...reach)).toBeLessThan(1);
  expect(Math.max(...reach)).toBeGreaterThan(0.8);
  expect(zoomed(ORBIT, 3).distance).toBeCloseTo(3);
});
