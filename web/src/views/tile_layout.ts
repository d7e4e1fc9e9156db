/** Where the tiles, labels and numbers of a view's panel go, in CSS pixels. The same rules as `view/render/layout.py`. */
import { type Scale, written } from "./colors";

/** A grid of tiles on one scale; without a scale they are pictures. */
export interface Panel {
  title: string;
  array: string;
  scale: Scale | null;
  labels: string[];
  columns: number;
  side: number;
  exact: boolean;
  /** The same as SVG, where there is such a drawing. */
  vector?: string;
}

export const GAP = 4;
export const LETTERS = 10; // of a label, in pixels
const ONE = 224; // sides: a lone map, the largest and the smallest tile of a grid
const MANY = 112;
const FEW = 28;
const BEFORE = 30; // room for the labels of rows

/** Tiles of width × height, `columns` a row, `left` pixels in; the labels are `under` the tiles or before the rows. */
export interface Grid {
  columns: number;
  tile: { width: number; height: number };
  left: number;
  under: number;
  width: number;
  height: number;
}

/** The grid of a panel whose array is (count, height, width, …), in `space` pixels; it may need more. */
export function grid(panel: Panel, shape: readonly number[], space: number): Grid {
  const [count = 1, height = 1, width = 1] = shape;
  const tile = sized(panel, count, height, width, space);
  const columns = columnsOf(panel, count, tile.width, space);
  const labelled = panel.labels.length > 0 && tile.width >= 2 * LETTERS - 2;
  const left = labelled && panel.columns ? BEFORE : 0;
  const under = labelled && !panel.columns ? LETTERS + 4 : 0;
  const rows = Math.ceil(count / columns);
  return { columns, tile, left, under, width: left + columns * (tile.width + GAP) - GAP, height: rows * (tile.height + under + GAP) - GAP };
}

/** The room for each panel: where lone pictures would stand one below the other for want of a little, two stand side by side. */
export function roomFor(panels: readonly Panel[], shapes: readonly (readonly number[])[], space: number, between: number): number[] {
  const lone = panels.map((panel, i) => shapes[i]?.[0] === 1 && panel.side <= ONE);
  const half = Math.floor((space - between) / 2);
  const pairs = lone.filter(Boolean).length > 1 && space < 2 * ONE + between && half >= MANY;
  return lone.map((alone) => (alone && pairs ? half : space));
}

/** Left and top of a tile. */
export function placeOf(grid: Grid, index: number): { x: number; y: number } {
  const row = Math.floor(index / grid.columns);
  return { x: grid.left + (index % grid.columns) * (grid.tile.width + GAP), y: row * (grid.tile.height + grid.under + GAP) };
}

/** The tile under a point and the value of it there, row and column of the array; null between tiles. */
export function under(grid: Grid, shape: readonly number[], x: number, y: number): { index: number; y: number; x: number } | null {
  const [count = 1, height = 1, width = 1] = shape;
  const column = Math.floor((x - grid.left) / (grid.tile.width + GAP));
  const row = Math.floor(y / (grid.tile.height + grid.under + GAP));
  const index = row * grid.columns + column;
  if (column < 0 || column >= grid.columns || row < 0 || index >= count) return null;
  const place = placeOf(grid, index);
  const inside = { y: (y - place.y) / grid.tile.height, x: (x - place.x) / grid.tile.width };
  if (inside.y < 0 || inside.y >= 1 || inside.x < 0 || inside.x >= 1) return null;
  return { index, y: Math.floor(inside.y * height), x: Math.floor(inside.x * width) };
}

function sized(panel: Panel, count: number, height: number, width: number, space: number): { width: number; height: number } {
  const longest = Math.max(height, width);
  const zoom = zoomed(longest, Math.min(sideOf(panel, count, longest, space), space));
  return { width: Math.max(1, Math.round(width * zoom)), height: Math.max(1, Math.round(height * zoom)) };
}

function sideOf(panel: Panel, count: number, longest: number, space: number): number {
  if (count === 1) {
    if (!panel.side) return ONE;
    return panel.scale ? Math.max(longest, panel.side) : panel.side; // values keep a pixel each, pictures need not
  }
  if (panel.side) return panel.side;
  const columns = panel.columns || Math.ceil(Math.sqrt(count * 1.6));
  const room = Math.floor((space - (panel.columns ? BEFORE : 0)) / columns) - GAP;
  return Math.min(MANY, Math.max(panel.columns ? 6 : FEW, room));
}

/** Whole numbers when enlarging, so that every value is a square of the same size. */
function zoomed(length: number, space: number): number {
  return length <= space ? Math.floor(space / length) : space / length;
}

function columnsOf(panel: Panel, count: number, width: number, space: number): number {
  if (count === 1) return 1;
  return panel.columns || Math.max(1, Math.min(count, Math.floor((space + GAP) / (width + GAP))));
}

/** What stands at both ends and in the middle of a color bar; a sign where values lie beyond an end. */
export function ends(scale: Scale): [string, string, string] {
  const low = (scale.clipped && scale.low < 0 ? "≤ " : "") + written(scale.low);
  const middle = scale.map === "sequential" ? "" : "0"; // the others are symmetric about zero
  return [low, scale.label || middle, (scale.clipped ? "≥ " : "") + written(scale.high)];
}
