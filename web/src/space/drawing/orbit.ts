/** How the camera stands in space: arithmetic, without a screen. The light goes along x, y is up, channels' rows run along z. */
export interface Vector {
  x: number;
  y: number;
  z: number;
}

/** Around `target`, at a distance; `turn` is 0 in front of the planes, and never behind, where pictures are mirrored. */
export interface Orbit {
  target: Vector;
  turn: number;
  tilt: number;
  distance: number;
}

export const FOV = 32; // degrees, from top to bottom
const [LEAST, MOST] = [0.4, 4000];
const SIDE = 1.45; // the furthest to either side, and upward, in radians

export function turned(orbit: Orbit, turn: number, tilt: number): Orbit {
  return { ...orbit, turn: within(orbit.turn + turn, -SIDE, SIDE), tilt: within(orbit.tilt + tilt, -0.5, SIDE) };
}

export function zoomed(orbit: Orbit, factor: number): Orbit {
  return { ...orbit, distance: within(orbit.distance / factor, LEAST, MOST) };
}

/** Moves the target on the screen's axes, by shares of its height. */
export function shifted(orbit: Orbit, right: number, up: number): Orbit {
  const tall = 2 * orbit.distance * Math.tan((FOV * Math.PI) / 360);
  const { target } = orbit;
  const [r, u] = [rightOf(orbit), upOf(orbit)];
  const at = (axis: keyof Vector) => target[axis] + tall * (right * r[axis] + up * u[axis]);
  return { ...orbit, target: { x: at("x"), y: at("y"), z: at("z") } };
}

export function eyeOf({ target, turn, tilt, distance }: Orbit): Vector {
  const flat = distance * Math.cos(tilt);
  return { x: target.x - flat * Math.cos(turn), y: target.y + distance * Math.sin(tilt), z: target.z + flat * Math.sin(turn) };
}

/** The way one looks, of length 1. */
export function aheadOf({ turn, tilt }: Orbit): Vector {
  return { x: Math.cos(tilt) * Math.cos(turn), y: -Math.sin(tilt), z: -Math.cos(tilt) * Math.sin(turn) };
}

export function rightOf({ turn }: Orbit): Vector {
  return { x: Math.sin(turn), y: 0, z: Math.cos(turn) };
}

export function upOf({ turn, tilt }: Orbit): Vector {
  return { x: Math.sin(tilt) * Math.cos(turn), y: Math.cos(tilt), z: -Math.sin(tilt) * Math.sin(turn) };
}

/** The direction through a point of the screen, from -1 to 1 to the right and upward. */
export function through(orbit: Orbit, aspect: number, x: number, y: number): Vector {
  const half = Math.tan((FOV * Math.PI) / 360);
  const [a, r, u] = [aheadOf(orbit), rightOf(orbit), upOf(orbit)];
  const along = (axis: keyof Vector) => a[axis] + half * (x * aspect * r[axis] + y * u[axis]);
  return { x: along("x"), y: along("y"), z: along("z") };
}

/** Where a point is on the screen, from -1 to 1 each, and how far ahead; behind the eye that is negative. */
export function seenAt(orbit: Orbit, aspect: number, point: Vector): Vector {
  const eye = eyeOf(orbit);
  const to = { x: point.x - eye.x, y: point.y - eye.y, z: point.z - eye.z };
  const far = dot(to, aheadOf(orbit));
  const half = far * Math.tan((FOV * Math.PI) / 360);
  return { x: dot(to, rightOf(orbit)) / (half * aspect), y: dot(to, upOf(orbit)) / half, z: far };
}

/** From the side of `orbit`, so near that all points are just in sight. */
export function fitting(orbit: Orbit, points: readonly Vector[], aspect: number): Orbit {
  let found = { ...orbit, target: middle(points) };
  for (let times = 0; times < 6; times += 1) {
    let most = 0;
    for (const point of points) {
      const spot = seenAt(found, aspect, point);
      most = Math.max(most, spot.z > 0 ? Math.max(Math.abs(spot.x), Math.abs(spot.y)) : 4);
    }
    found = zoomed(found, 0.9 / Math.max(most, 0.01));
  }
  return found;
}

/** Part of the way from one to another. */
export function partWay(one: Orbit, two: Orbit, share: number): Orbit {
  const mix = (a: number, b: number) => a + (b - a) * share;
  const target = { x: mix(one.target.x, two.target.x), y: mix(one.target.y, two.target.y), z: mix(one.target.z, two.target.z) };
  return { target, turn: mix(one.turn, two.turn), tilt: mix(one.tilt, two.tilt), distance: mix(one.distance, two.distance) };
}

function middle(points: readonly Vector[]): Vector {
  const half = (axis: keyof Vector) => {
    const all = points.map((point) => point[axis]);
    return (Math.min(...all) + Math.max(...all)) / 2;
  };
  return { x: half("x"), y: half("y"), z: half("z") };
}

function dot(one: Vector, two: Vector): number {
  return one.x * two.x + one.y * two.y + one.z * two.z;
}

function within(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
