/** Values to colors, as `view/render/colormaps.py` does it: viridis from zero up, vik about zero, nothing for NaN. */
import type { Numbers } from "../hosts/host";
import { diverging, LEVELS, sequential } from "./luts";

export { LEVELS };
export type Map = "sequential" | "diverging" | "grey" | "color";

/** Which values get which colors: from `low` to `high`, about zero for all maps but `sequential`. */
export interface Scale {
  map: Map;
  low: number;
  high: number;
  label?: string;
  clipped?: boolean;
}

/** What the reader does to a scale: `boost` brings its ends nearer, `gamma` above 1 lifts small values. */
export interface Tuning {
  boost: number;
  gamma: number;
}

export const PLAIN: Tuning = { boost: 1, gamma: 1 };
const OPAQUE = 0xff000000;

function unpack(base64: string): Uint32Array {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return Uint32Array.from({ length: LEVELS }, (_, i) => pixel(bytes[3 * i]!, bytes[3 * i + 1]!, bytes[3 * i + 2]!));
}

function pixel(red: number, green: number, blue: number): number {
  return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
}

const grey = Uint32Array.from({ length: LEVELS }, (_, i) => {
  const level = Math.round((255 * i) / (LEVELS - 1));
  return pixel(level, level, level);
});
const TABLES: Record<Map, Uint32Array> = { sequential: unpack(sequential), diverging: unpack(diverging), grey, color: grey };

/** The colors of a map, as pixels of an ImageData seen as 32-bit words. */
export function table(map: Map): Uint32Array {
  return TABLES[map];
}

/** From zero where nothing is negative, else symmetric about zero; never of no width. */
export function suited(low: number, high: number): Scale {
  const end = Math.max(Math.abs(low), Math.abs(high)) || 1;
  return low < 0 ? { map: "diverging", low: -end, high: end } : { map: "sequential", low: 0, high: end };
}

/** Where on its scale a value lies, 0 to 1. */
export function position(value: number, scale: Scale, tuning: Tuning = PLAIN): number {
  const { low, high } = scale;
  if (scale.map === "sequential") return lift(((value - low) / (high - low)) * tuning.boost, tuning.gamma);
  const signed = ((value - (low + high) / 2) / ((high - low) / 2)) * tuning.boost;
  return 0.5 + 0.5 * Math.sign(signed) * lift(Math.abs(signed), tuning.gamma);
}

function lift(fraction: number, gamma: number): number {
  const inside = Math.min(Math.max(fraction, 0), 1);
  return gamma === 1 ? inside : inside ** (1 / gamma);
}

/** The value at a position of a scale: what a color bar writes beside a color. */
export function valueAt(place: number, scale: Scale, tuning: Tuning = PLAIN): number {
  const { low, high } = scale;
  if (scale.map === "sequential") return low + ((high - low) * place ** tuning.gamma) / tuning.boost;
  const signed = 2 * place - 1;
  const half = (high - low) / 2;
  return (low + high) / 2 + (half * Math.sign(signed) * Math.abs(signed) ** tuning.gamma) / tuning.boost;
}

export function colorOf(value: number, scale: Scale, tuning: Tuning = PLAIN): number {
  if (Number.isNaN(value)) return 0;
  return TABLES[scale.map][Math.round(position(value, scale, tuning) * (LEVELS - 1))]!;
}

/** Paints values, one a pixel; with `fade` the nearer to zero, the more transparent. */
export function paint(values: Numbers, scale: Scale, tuning: Tuning = PLAIN, fade = false): Uint32Array<ArrayBuffer> {
  const pixels = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const color = colorOf(values[i]!, scale, tuning);
    pixels[i] = fade && color ? faded(color, strength(values[i]!, scale, tuning)) : color;
  }
  return pixels;
}

function strength(value: number, scale: Scale, tuning: Tuning): number {
  const place = position(value, scale, tuning);
  return scale.map === "sequential" ? place : Math.abs(2 * place - 1);
}

function faded(color: number, alpha: number): number {
  return ((color & 0xffffff) | (Math.round(255 * alpha) << 24)) >>> 0;
}

/** The colors of the 256 values that a tile's bytes may mean: byte 0 is `low`, byte 255 is `high`. */
export function byteColors(low: number, high: number, scale: Scale, tuning: Tuning, into: Uint32Array): Uint32Array {
  for (let byte = 0; byte < 256; byte += 1) into[byte] = colorOf(low + (byte / 255) * (high - low), scale, tuning);
  return into;
}

/** Pixels as an image, to draw. */
export function imageOf(pixels: Uint32Array<ArrayBuffer>, width: number, height: number): ImageData {
  return new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
}

/** A number for a reader: three digits that count. */
export function written(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100_000)) return value.toExponential(1).replace("-", "−");
  return String(Number(value.toPrecision(3))).replace("-", "−");
}
