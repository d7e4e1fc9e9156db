/** Names below planes, on a canvas over the scene: of planes whose lower edge is in sight, and of two names that overlap the nearer. */
import type { PlaneInfo } from "../../schema";
import { type Orbit, seenAt } from "./orbit";
import { pick } from "./picking";

export interface Label {
  plane: number;
  x: number;
  y: number;
  lines: readonly string[];
}

const LINE = 14;

/** The labels that have room, of `size` pixels; that of the plane one is at always has. */
export function labels(
  planes: readonly PlaneInfo[],
  shown: (plane: number) => boolean,
  orbit: Orbit,
  size: { width: number; height: number },
  at: number,
  linesOf: (plane: PlaneInfo) => readonly string[],
): Label[] {
  const aspect = size.width / Math.max(1, size.height);
  const spots = planes
    .map((plane, number) => {
      const spot = seenAt(orbit, aspect, { x: plane.along, y: -plane.height / 2, z: plane.across });
      return { plane: number, far: spot.z, x: ((spot.x + 1) / 2) * size.width, y: ((1 - spot.y) / 2) * size.height + 5 };
    })
    .filter(({ plane, far, x, y }) => shown(plane) && far > 0 && x > -60 && x < size.width + 60 && y > -20 && y < size.height)
    .sort((one, two) => Number(two.plane === at) - Number(one.plane === at) || one.far - two.far);
  const open = (number: number) => {
    const plane = planes[number]!;
    const spot = seenAt(orbit, aspect, {
      x: plane.along,
      y: -0.499 * plane.height,
      z: plane.across - plane.width * (0.5 - 0.5 / plane.columns),
    });
    const hit = pick(planes, shown, orbit, aspect, spot.x, spot.y);
    return number === at || !hit || hit.plane === number;
  };
  const taken: Label[] = [];
  const wide = (lines: readonly string[]) => Math.max(...lines.map((line) => line.length)) * 6.6 + 8;
  for (const { plane, x, y } of spots) {
    const lines = linesOf(planes[plane]!);
    const free = taken.every(
      (other) =>
        Math.abs(other.x - x) > (wide(other.lines) + wide(lines)) / 2 ||
        Math.abs(other.y - y) > LINE * Math.max(lines.length, other.lines.length),
    );
    if (free && open(plane)) taken.push({ plane, x, y, lines });
  }
  return taken;
}

export function write(
  pen: CanvasRenderingContext2D,
  all: readonly Label[],
  at: number,
  ink: { text: string; quiet: string; paper: string; mark: string },
): void {
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.lineJoin = "round";
  pen.lineWidth = 4;
  for (const { plane, x, y, lines } of all)
    lines.forEach((line, row) => {
      pen.font = `${row ? "11px" : "600 12px"} system-ui, "DejaVu Sans", sans-serif`;
      pen.strokeStyle = ink.paper;
      pen.strokeText(line, x, y + LINE * row);
      pen.fillStyle = row ? ink.quiet : plane === at ? ink.mark : ink.text;
      pen.fillText(line, x, y + LINE * row);
    });
}
