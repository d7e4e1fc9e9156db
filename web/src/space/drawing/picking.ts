/** What is under a point of the screen: a plane and the cell of it, found by arithmetic. */
import type { PlaneInfo } from "../../schema";
import { eyeOf, type Orbit, through, type Vector } from "./orbit";

export interface Hit {
  /** The number of the plane, and of the channel in it. */
  plane: number;
  channel: number;
}

/** How many cells a plane has: the image is one picture. */
export function cellsOf(plane: PlaneInfo): number {
  return plane.layer === "input" ? 1 : (plane.shape[0] ?? 1);
}

/** The nearest plane under a point of the screen, from -1 to 1 to the right and upward; null where there is none. */
export function pick(
  planes: readonly PlaneInfo[],
  shown: (plane: number) => boolean,
  orbit: Orbit,
  aspect: number,
  x: number,
  y: number,
): Hit | null {
  const eye = eyeOf(orbit);
  const way = through(orbit, aspect, x, y);
  let best: (Hit & { far: number }) | null = null;
  planes.forEach((plane, number) => {
    const far = (plane.along - eye.x) / way.x;
    if (!(far > 0) || (best && far >= best.far) || !shown(number)) return;
    const channel = cellAt(plane, eye.z + far * way.z, eye.y + far * way.y);
    if (channel >= 0) best = { plane: number, channel, far };
  });
  return best;
}

/** The channel at a place of a plane, -1 where there is none. */
export function cellAt(plane: PlaneInfo, across: number, up: number): number {
  const column = Math.floor(((across - plane.across) / plane.width + 0.5) * plane.columns);
  const row = Math.floor((0.5 - up / plane.height) * plane.rows);
  const channel = row * plane.columns + column;
  return column >= 0 && column < plane.columns && row >= 0 && channel < cellsOf(plane) ? channel : -1;
}

/** The middle of a channel's cell. */
export function middleOf(plane: PlaneInfo, channel: number): Vector {
  const column = channel % plane.columns;
  const row = Math.floor(channel / plane.columns);
  return {
    x: plane.along,
    y: plane.height * (0.5 - (row + 0.5) / plane.rows),
    z: plane.across + plane.width * ((column + 0.5) / plane.columns - 0.5),
  };
}

/** The corners of a plane. */
export function cornersOf(plane: PlaneInfo): Vector[] {
  return [-0.5, 0.5].flatMap((up) =>
    [-0.5, 0.5].map((side) => ({ x: plane.along, y: up * plane.height, z: plane.across + side * plane.width })),
  );
}
