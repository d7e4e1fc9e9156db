/** Tiles on a canvas: values through the color tables, pictures as they are. */
import type { Arr, Numbers } from "../hosts/host";
import { imageOf, paint } from "./colors";
import { type Grid, LETTERS, type Panel, placeOf } from "./tile_layout";

/** The pixels of tile `index` of an array (n, h, w), or (n, h, w, 3 or 4) for colors. */
export function tilePixels(array: Arr, index: number, scale: Panel["scale"]): ImageData {
  const [, height = 1, width = 1, colors = 1] = array.shape;
  const length = height * width * colors;
  const values = array.data.subarray(index * length, (index + 1) * length);
  if (!scale) return new ImageData(rgba(values, colors), width, height);
  return colors === 1 ? imageOf(paint(values, scale), width, height) : new ImageData(rgba(levels(values, scale), colors), width, height);
}

/** Each of R, G, B by itself, from the low end to the high end. */
function levels(values: Numbers, scale: NonNullable<Panel["scale"]>): Uint8ClampedArray {
  const bytes = new Uint8ClampedArray(values.length);
  for (let i = 0; i < values.length; i++) bytes[i] = (255 * ((values[i] ?? 0) - scale.low)) / (scale.high - scale.low);
  return bytes;
}

function rgba(values: Numbers | Uint8ClampedArray, colors: number): Uint8ClampedArray<ArrayBuffer> {
  const count = values.length / colors;
  const bytes = new Uint8ClampedArray(4 * count).fill(255);
  for (let i = 0; i < count; i++) {
    for (let color = 0; color < Math.max(colors, 3); color++) {
      bytes[4 * i + color] = values[i * colors + Math.min(color, colors - 1)] ?? 0;
    }
  }
  return bytes;
}

/** Draws a panel's tiles and labels; `ink` is the color of letters. */
export function draw(canvas: HTMLCanvasElement, panel: Panel, array: Arr, grid: Grid, ink: string): void {
  const density = Math.max(1, window.devicePixelRatio || 1);
  canvas.width = Math.ceil(grid.width * density);
  canvas.height = Math.ceil(grid.height * density);
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(density, density);
  const [count = 0, height = 1, width = 1] = array.shape;
  const scratch = new OffscreenCanvas(width, height);
  const brush = scratch.getContext("2d");
  if (!brush) return;
  pen.imageSmoothingEnabled = grid.tile.width < width || panel.scale === null;
  pen.imageSmoothingQuality = "high";
  if (panel.exact && grid.tile.width >= width) pen.imageSmoothingEnabled = false;
  for (let i = 0; i < count; i++) {
    brush.putImageData(tilePixels(array, i, panel.scale), 0, 0);
    const { x, y } = placeOf(grid, i);
    pen.drawImage(scratch, x, y, grid.tile.width, grid.tile.height);
  }
  letter(pen, panel, grid, ink);
}

function letter(pen: CanvasRenderingContext2D, panel: Panel, grid: Grid, ink: string): void {
  if (!grid.left && !grid.under) return;
  pen.fillStyle = ink;
  pen.font = `${LETTERS}px system-ui, sans-serif`;
  pen.textAlign = grid.left ? "right" : "center";
  panel.labels.forEach((label, i) => {
    const { x, y } = placeOf(grid, i);
    if (grid.left) pen.fillText(label, grid.left - 4, y + grid.tile.height / 2 + 3);
    else pen.fillText(fitted(pen, label, grid.tile.width), x + grid.tile.width / 2, y + grid.tile.height + LETTERS);
  });
}

/** A label, cut at the end where it is wider than its tile. */
function fitted(pen: CanvasRenderingContext2D, label: string, width: number): string {
  if (pen.measureText(label).width <= width + 2) return label;
  let kept = label.length;
  while (kept > 1 && pen.measureText(`${label.slice(0, kept)}…`).width > width + 2) kept -= 1;
  return `${label.slice(0, kept)}…`;
}
