/** All tiles of a layer, colored, in one hidden canvas: the grid on screen is cut from it. */
import type { Arr } from "../../hosts/host";
import { byteColors, colorOf, imageOf, type Scale, type Tuning } from "../../views/colors";
import type { Maps } from "../units";

export interface Atlas {
  canvas: HTMLCanvasElement;
  columns: number;
  width: number;
  height: number;
  /** The tile of a channel, -1 where it has none. */
  tileOf(channel: number): number;
}

export function activationsAtlas(maps: Maps, scaleFor: (channel: number) => Scale, tuning: Tuning): Atlas {
  const colors = new Uint32Array(256);
  const size = maps.width * maps.height;
  return assemble(maps.low.data.length, maps.width, maps.height, (channel, put) => {
    const [low, high] = [maps.low.data[channel]!, maps.high.data[channel]!];
    const scale = scaleFor(channel);
    const tile = maps.tiles.data.subarray(channel * size, (channel + 1) * size);
    if (size < 256) for (let i = 0; i < size; i += 1) put(i, colorOf(low + (tile[i]! / 255) * (high - low), scale, tuning));
    else {
      byteColors(low, high, scale, tuning, colors);
      for (let i = 0; i < size; i += 1) put(i, colors[tile[i]!]!);
    }
  });
}

/** Of pictures (n, s, s, 3) and the channels they are of. */
export function picturesAtlas(pictures: Arr, channels: Arr): Atlas {
  const [count = 0, height = 1, width = 1] = pictures.shape;
  const tiles = new Map(Array.from(channels.data, (channel, tile) => [channel, tile]));
  const atlas = assemble(count, width, height, (tile, put) => {
    const first = 3 * tile * width * height;
    const part = (i: number) => pictures.data[first + i]!;
    for (let i = 0; i < width * height; i += 1) put(i, (0xff000000 | (part(3 * i + 2) << 16) | (part(3 * i + 1) << 8) | part(3 * i)) >>> 0);
  });
  return { ...atlas, tileOf: (channel) => tiles.get(channel) ?? -1 };
}

type Put = (pixel: number, color: number) => void;

function assemble(count: number, width: number, height: number, draw: (tile: number, put: Put) => void): Atlas {
  const columns = Math.max(1, Math.ceil(Math.sqrt((count * height) / width)));
  const rows = Math.max(1, Math.ceil(count / columns));
  const pixels = new Uint32Array(columns * width * rows * height);
  for (let tile = 0; tile < count; tile += 1) {
    const corner = Math.floor(tile / columns) * height * columns * width + (tile % columns) * width;
    draw(tile, (i, color) => (pixels[corner + Math.floor(i / width) * columns * width + (i % width)] = color));
  }
  const canvas = document.createElement("canvas");
  canvas.width = columns * width;
  canvas.height = rows * height;
  canvas.getContext("2d")?.putImageData(imageOf(pixels, canvas.width, canvas.height), 0, 0);
  return { canvas, columns, width, height, tileOf: (channel) => (channel < count ? channel : -1) };
}

/** Draws one tile of an atlas into a rectangle; false where there is none. */
export function stamp(
  context: CanvasRenderingContext2D,
  atlas: Atlas,
  channel: number,
  x: number,
  y: number,
  w: number,
  h: number,
): boolean {
  const tile = atlas.tileOf(channel);
  if (tile < 0) return false;
  const [left, top] = [(tile % atlas.columns) * atlas.width, Math.floor(tile / atlas.columns) * atlas.height];
  context.drawImage(atlas.canvas, left, top, atlas.width, atlas.height, x, y, w, h);
  return true;
}
