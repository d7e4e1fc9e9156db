/** Draws the grid: its tiles on one canvas, the marks of the pinned, pointed at and selected ones on another. */
import * as state from "../../store/state";
import * as ui from "../../store/ui";
import { order } from "../units";
import { type Atlas, stamp } from "./atlas";
import { type Layout, placeOf, seen } from "./layout";

export interface Size {
  width: number;
  height: number;
}

/** A clean canvas of this size, in pixels of the page. */
export function prepared(canvas: HTMLCanvasElement | null, { width, height }: Size): CanvasRenderingContext2D | null {
  const context = canvas?.getContext("2d");
  if (!canvas || !context || !width) return null;
  const ratio = devicePixelRatio;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export function drawTiles(
  context: CanvasRenderingContext2D,
  grid: Layout,
  atlases: Atlas[],
  channels: Int32Array,
  top: number,
  height: number,
): void {
  const { first, last } = seen(grid, top, height);
  const single = atlases.length > 1 ? (grid.wide - 1) / 2 : grid.wide;
  context.imageSmoothingEnabled = (atlases[0]?.height ?? 0) > grid.high * devicePixelRatio;
  context.fillStyle = getComputedStyle(context.canvas).getPropertyValue("--sunk");
  for (let index = first * grid.columns; index < Math.min(last * grid.columns, grid.count); index += 1) {
    const { x, y } = placeOf(grid, index);
    const drawn = atlases.map((atlas, i) => stamp(context, atlas, channels[index]!, x + i * (single + 1), y - top, single, grid.high));
    if (!drawn.some(Boolean)) context.fillRect(x, y - top, grid.wide, grid.high);
  }
}

export function drawMarks(context: CanvasRenderingContext2D, grid: Layout, top: number): void {
  const style = getComputedStyle(context.canvas);
  const mark = (channel: number, color: string, width: number, dash: number[] = []) => {
    const index = order.value.indexOf(channel);
    if (index < 0) return;
    const { x, y } = placeOf(grid, index);
    for (const [ink, line] of [
      ["#000", width + 2],
      [color, width],
    ] as const) {
      context.setLineDash(ink === color ? dash : []);
      context.lineWidth = line;
      context.strokeStyle = ink;
      context.strokeRect(x, y - top, grid.wide, grid.high);
    }
  };
  const pinned = state.origin.value;
  if (pinned?.layer === state.layer.value) mark(pinned.channel, style.getPropertyValue("--field"), 2, [4, 3]);
  if (ui.hovered.value >= 0) mark(ui.hovered.value, "#fff", 1);
  mark(state.channel.value, style.getPropertyValue("--mark"), 2.5);
}
