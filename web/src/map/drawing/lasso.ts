/** What a line drawn around marks holds. */
import type { Spot } from "./camera";

/** Whether a spot lies inside a closed line, by how often a ray from it crosses the line: odd is inside. */
export function inside(line: readonly Spot[], x: number, y: number): boolean {
  let odd = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
    const [a, b] = [line[i]!, line[j]!];
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) odd = !odd;
  }
  return odd;
}

/** The marks inside a closed line; `places` are x, y after x, y. */
export function marksInside(line: readonly Spot[], places: Float32Array): number[] {
  const [xs, ys] = [line.map((spot) => spot.x), line.map((spot) => spot.y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found: number[] = [];
  for (let mark = 0; 2 * mark < places.length; mark += 1) {
    const [x, y] = [places[2 * mark]!, places[2 * mark + 1]!];
    if (x >= left && x <= right && y >= top && y <= bottom && inside(line, x, y)) found.push(mark);
  }
  return found;
}
