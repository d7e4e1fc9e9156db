/** Where the tiles of the grid are: arithmetic, without a screen. */
export interface Layout {
  count: number;
  columns: number;
  rows: number;
  /** Width and height of one tile, and what lies between two. */
  wide: number;
  high: number;
  gap: number;
  height: number;
}

export const GAP = 2;
export const LEAST = 24; // the smallest target that everybody can hit

/** A grid of tiles `size` high in a given width; a tile of two pictures is twice as wide. */
export function layout(count: number, width: number, size: number, pictures = 1, gap = GAP): Layout {
  const wide = size * pictures + (pictures - 1);
  const columns = Math.max(1, Math.floor((width + gap) / (wide + gap)));
  const rows = Math.ceil(count / columns);
  return { count, columns, rows, wide, high: size, gap, height: Math.max(0, rows * (size + gap) - gap) };
}

/** The largest size at which all tiles fit into a rectangle, between `LEAST` and `most`. */
export function fitting(count: number, width: number, height: number, pictures = 1, most = 112): number {
  for (let size = Math.min(most, width); size > LEAST; size -= 1) if (layout(count, width, size, pictures).height <= height) return size;
  return LEAST;
}

export function placeOf(grid: Layout, index: number): { x: number; y: number } {
  const x = (index % grid.columns) * (grid.wide + grid.gap);
  return { x, y: Math.floor(index / grid.columns) * (grid.high + grid.gap) };
}

/** The tile at a point, and where in it (0 to 1 each); null in a gap or beyond the last. */
export function at(grid: Layout, x: number, y: number): { index: number; u: number; v: number } | null {
  const column = Math.floor(x / (grid.wide + grid.gap));
  const row = Math.floor(y / (grid.high + grid.gap));
  const u = (x - column * (grid.wide + grid.gap)) / grid.wide;
  const v = (y - row * (grid.high + grid.gap)) / grid.high;
  const index = row * grid.columns + column;
  if (x < 0 || y < 0 || column >= grid.columns || index >= grid.count || u >= 1 || v >= 1) return null;
  return { index, u, v };
}

/** The tile so many columns and rows from another; it stops at the edges. */
export function moved(grid: Layout, index: number, right: number, down: number): number {
  if (right) return Math.max(0, Math.min(index + right, grid.count - 1));
  const row = Math.max(0, Math.min(Math.floor(index / grid.columns) + down, grid.rows - 1));
  return Math.min(row * grid.columns + (index % grid.columns), grid.count - 1);
}

/** The rows of tiles that a window on the grid shows: from the first to before the last. */
export function seen(grid: Layout, top: number, height: number): { first: number; last: number } {
  const step = grid.high + grid.gap;
  const first = Math.max(0, Math.floor(top / step));
  return { first, last: Math.min(grid.rows, Math.ceil((top + height) / step)) };
}
