/** Maps and weights of a layer as one picture: every tile on the same scale, with its least and most value. */
import { useEffect, useRef } from "preact/hooks";
import type { Arr } from "../hosts/host";
import type { RunTiles } from "../schema";
import { ScaleBar } from "../views/color_bar";
import { byteColors, imageOf, LEVELS, PLAIN, suited, written } from "../views/colors";

const WIDTH = 290; // of a picture on the page, about
const NAMES = { maps: "Maps", map_gradients: "Map gradients", weights: "Weights", weight_gradients: "Weight gradients" } as const;

export function Tiles({ told, array }: { told: RunTiles; array: Arr }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { columns, rows, height, width, zoom } = laidOut(told, array.shape);
  const [w, h] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (pen) pen.putImageData(imageOf(painted(told, array), w, h), 0, 0);
  }, [told, array]);
  const what = NAMES[told.kind];
  const range = `${written(told.least)} … ${written(told.most)}`;
  return (
    <figure class="train-tiles">
      <figcaption>
        {what} <small>{range}</small>
      </figcaption>
      <canvas
        ref={canvas}
        key={`${w} ${h}`}
        width={w}
        height={h}
        class="crisp"
        role="img"
        aria-label={`${what} of ${told.layer}, from ${range}`}
        style={{ width: `${w * zoom}px` }}
      />
      {!told.color && <ScaleBar scale={suited(told.low, told.high)} width={110} />}
    </figure>
  );
}

/** How tiles stand: a filter a row where each has several inputs, else as many in a row as there is room for. */
export function laidOut(told: Pick<RunTiles, "rows" | "color">, shape: readonly number[]) {
  const [count = 1, height = 1, width = 1] = told.color ? [shape[0], shape[2], shape[3]] : shape;
  const wanted = width * height === 1 ? 12 : Math.max(1, Math.round(36 / Math.max(width, height)));
  const fit = Math.max(1, Math.floor((WIDTH + wanted) / (wanted * (width + 1))));
  const columns = Math.min(count, told.rows || fit);
  const zoom = Math.max(1, Math.min(wanted, Math.floor(WIDTH / (columns * (width + 1) - 1)) || 1));
  return {
    columns,
    rows: Math.ceil(count / columns),
    height,
    width,
    zoom: count === 1 && told.rows === 1 ? Math.max(1, Math.min(12, Math.floor(WIDTH / width))) : zoom,
  };
}

/** The picture, pixel by pixel; nothing between the tiles. */
export function painted(told: RunTiles, { data, shape }: Arr): Uint32Array<ArrayBuffer> {
  const { columns, rows, height, width } = laidOut(told, shape);
  const across = columns * (width + 1) - 1;
  const pixels = new Uint32Array(across * (rows * (height + 1) - 1));
  const colors = byteColors(told.low, told.high, suited(told.low, told.high), PLAIN, new Uint32Array(LEVELS + 1));
  const plane = height * width;
  const count = shape[0] ?? 1;
  for (let tile = 0; tile < count; tile += 1) {
    const start = Math.floor(tile / columns) * (height + 1) * across + (tile % columns) * (width + 1);
    for (let i = 0; i < plane; i += 1) {
      const to = start + Math.floor(i / width) * across + (i % width);
      const from = tile * plane * (told.color ? 3 : 1) + i;
      pixels[to] = told.color
        ? (0xff000000 | (data[from + 2 * plane]! << 16) | (data[from + plane]! << 8) | data[from]!) >>> 0
        : colors[data[from]!]!;
    }
  }
  return pixels;
}
