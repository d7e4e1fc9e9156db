/** The marks nearest to a spot or to another mark. */
import type { Spot } from "./camera";

export type Direction = "left" | "right" | "up" | "down";

const WAYS: Record<Direction, readonly [number, number]> = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** The nearest mark in the quarter of the plane that lies in a direction; -1 where there is none. */
export function towards(places: Float32Array, from: number, way: Direction): number {
  const [right, down] = WAYS[way];
  const [x, y] = [places[2 * from]!, places[2 * from + 1]!];
  let best = -1;
  let least = Infinity;
  for (let mark = 0; 2 * mark < places.length; mark += 1) {
    const [dx, dy] = [places[2 * mark]! - x, places[2 * mark + 1]! - y];
    const along = dx * right + dy * down;
    const away = dx * dx + dy * dy;
    if (along > 0 && 2 * along * along >= away && away < least) [best, least] = [mark, away];
  }
  return best;
}

/** The marks nearest to a mark, the nearest first; without itself. */
export function nearestTo(places: Float32Array, from: number, count: number): number[] {
  const far = (mark: number) => (places[2 * mark]! - places[2 * from]!) ** 2 + (places[2 * mark + 1]! - places[2 * from + 1]!) ** 2;
  let found: [number, number][] = [];
  let most = Infinity;
  for (let mark = 0; 2 * mark < places.length; mark += 1) {
    const away = far(mark);
    if (mark === from || away >= most) continue;
    found.push([mark, away]);
    if (found.length < 4 * count) continue;
    found = found.sort((a, b) => a[1] - b[1]).slice(0, count);
    most = found.at(-1)![1];
  }
  return found
    .sort((a, b) => a[1] - b[1])
    .slice(0, count)
    .map(([mark]) => mark);
}

/** The mark nearest to a spot of the map, no further than `reach`; -1 where there is none. */
export function nearest(places: Float32Array, spot: Spot, reach: number): number {
  let best = -1;
  let least = reach * reach;
  for (let mark = 0; 2 * mark < places.length; mark += 1) {
    const away = (places[2 * mark]! - spot.x) ** 2 + (places[2 * mark + 1]! - spot.y) ** 2;
    if (away <= least) [best, least] = [mark, away];
  }
  return best;
}
