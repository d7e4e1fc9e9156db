/** Boxes on the picture the network sees: drawn from corner to corner, moved and resized by keys. */
import type { Box } from "../schema";

export const MOST = 64; // the server takes no more
export const USUAL = 48; // side of a box that was not drawn to a size
const LEAST = 4;

export interface Point {
  x: number;
  y: number;
}
export interface Frame {
  width: number;
  height: number;
}

/** The box between two corners; one too small to be meant is a usual one about the second. */
export function between(a: Point, b: Point, frame: Frame): Box {
  const small = Math.abs(a.x - b.x) < LEAST && Math.abs(a.y - b.y) < LEAST;
  if (small) return about(b, USUAL, frame);
  return {
    top: inside(Math.min(a.y, b.y), frame.height - 1),
    left: inside(Math.min(a.x, b.x), frame.width - 1),
    bottom: Math.max(1, inside(Math.max(a.y, b.y), frame.height)),
    right: Math.max(1, inside(Math.max(a.x, b.x), frame.width)),
  };
}

/** A square about a point, moved as far as needed to lie in the picture. */
export function about(middle: Point, side: number, frame: Frame): Box {
  const size = Math.min(side, frame.width, frame.height);
  return placed(middle.x - size / 2, middle.y - size / 2, size, size, frame);
}

/** A box moved by some pixels, and grown by some on all sides together; it stays in the picture. */
export function changed(box: Box, right: number, down: number, grown: number, frame: Frame): Box {
  const width = clamp(box.right - box.left + grown, LEAST, frame.width);
  const height = clamp(box.bottom - box.top + grown, LEAST, frame.height);
  return placed(
    box.left + right - (width - (box.right - box.left)) / 2,
    box.top + down - (height - (box.bottom - box.top)) / 2,
    width,
    height,
    frame,
  );
}

function placed(left: number, top: number, width: number, height: number, frame: Frame): Box {
  const x = inside(left, frame.width - width);
  const y = inside(top, frame.height - height);
  return { top: y, left: x, bottom: y + Math.round(height), right: x + Math.round(width) };
}

function inside(value: number, most: number): number {
  return clamp(Math.round(value), 0, Math.round(most));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
