/** The lines between planes as geometry: all wires in one, all edges of a unit in another. */
import { BufferGeometry, CatmullRomCurve3, Float32BufferAttribute, Vector3 } from "three";
import type { Space, WireInfo } from "../../schema";
import { table } from "../../views/colors";
import { type Hit, middleOf } from "./picking";

const [POSITIVE, NEGATIVE] = [0.86, 0.14]; // where on the diverging colors
const STEPS = 14; // of a curve

/** A strong edge: from a cell to a cell, and its share of the strongest, negative if it inhibits. */
export interface Strand {
  from: Hit;
  to: Hit;
  share: number;
}

/** All wires between planes that are shown, as pairs of points; skips are fainter the more of them there are. */
export function curves(space: Space, shown: (plane: number) => boolean = () => true): BufferGeometry {
  const wires = space.wires.filter((wire) => shown(wire.source) && shown(wire.target));
  const skips = wires.filter((wire) => wire.skips).length;
  const faint = skips > 60 ? 0.28 : 0.75;
  const places: number[] = [];
  const colors: number[] = [];
  for (const wire of wires) {
    const points = pointsOf(wire);
    for (let i = 1; i < points.length; i += 1) {
      places.push(...points[i - 1]!.toArray(), ...points[i]!.toArray());
      const strength = wire.skips ? faint : 1;
      colors.push(1, 1, 1, strength, 1, 1, 1, strength);
    }
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new Float32BufferAttribute(places, 3));
  geometry.setAttribute("color", new Float32BufferAttribute(colors, 4));
  return geometry;
}

function pointsOf(wire: WireInfo): Vector3[] {
  const points = wire.points.map(([along, across, up]) => new Vector3(along, up, across));
  return points.length < 3 ? points : new CatmullRomCurve3(points, false, "centripetal").getPoints(STEPS);
}

/** Bands from cell to cell, the wider the stronger, in the colors of signed values. */
export function ribbons(space: Space, strands: readonly Strand[]): BufferGeometry {
  const places: number[] = [];
  const colors: number[] = [];
  const order: number[] = [];
  for (const { from, to, share } of strands) {
    const [one, two] = [space.planes[from.plane], space.planes[to.plane]];
    if (!one || !two) continue;
    const [a, b] = [middleOf(one, from.channel), middleOf(two, to.channel)];
    const half = 0.012 + 0.045 * Math.abs(share);
    const first = places.length / 3;
    for (const [end, sign] of [
      [a, 1],
      [a, -1],
      [b, 1],
      [b, -1],
    ] as const)
      places.push(end.x, end.y + sign * half, end.z + sign * half * 0.5);
    const [red, green, blue] = colorOf(share);
    for (let i = 0; i < 4; i += 1) colors.push(red, green, blue);
    order.push(first, first + 1, first + 2, first + 2, first + 1, first + 3);
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new Float32BufferAttribute(places, 3));
  geometry.setAttribute("color", new Float32BufferAttribute(colors, 3));
  geometry.setIndex(order);
  return geometry;
}

function colorOf(share: number): [number, number, number] {
  const colors = table("diverging");
  const color = colors[Math.round((share < 0 ? NEGATIVE : POSITIVE) * (colors.length - 1))] ?? 0;
  return [(color & 255) / 255, ((color >> 8) & 255) / 255, ((color >> 16) & 255) / 255];
}
