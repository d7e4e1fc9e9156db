/** A kernel that moves over the input map of the channel that gives most, product by product. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Arr } from "../hosts/host";
import { suited, written } from "../views/colors";
import { Pixels, pictureOf } from "../views/pixels";
import { outputs, type Plane, type Product, products, type Side } from "./geometry";

export interface Moving {
  source: string;
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  place: [number, number];
}

interface Props {
  map: Arr;
  kernel: Arr;
  moving: Moving;
}

const PACE = 350; // milliseconds a product

/** Whether whoever looks wants nothing to move by itself. */
function still(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function Sliding({ map, kernel, moving }: Props) {
  const [input, weights] = [planeOf(map), planeOf(kernel)];
  const [rows, columns] = [sideOf(input.height, weights.height, moving, 0), sideOf(input.width, weights.width, moving, 1)];
  const [high, wide] = [outputs(rows), outputs(columns)];
  const count = weights.height * weights.width;
  const start = moving.place[0] * wide + moving.place[1];
  const at = useSignal(start * count + count - 1); // products done, in the order in which the kernel goes
  const playing = useSignal(false);
  const made = useMemo(() => outputOf(input, weights, rows, columns), [map]);
  const place = useComputed(() => Math.floor(at.value / count)).value;
  const [y, x] = [Math.floor(place / wide), place % wide];
  const own = products(input, weights, rows, columns, y, x);
  const done = (at.value % count) + 1;
  const step = (by: number) => {
    const all = high * wide * count;
    at.value = (((at.value + by) % all) + all) % all;
  };
  useEffect(() => {
    if (!playing.value) return;
    const timer = setInterval(() => step(1), PACE);
    return () => clearInterval(timer);
  }, [playing.value]);
  const total = own.slice(0, done).reduce((sum, one) => sum + one.product, 0);
  return (
    <div class="sliding">
      <p>
        The kernel for <code>{moving.source}</code>, the input that gives most, at row {y}, column {x}:{" "}
        <output aria-live="off">{`${done} of ${count} products, ${written(total)} so far`}</output>
      </p>
      <div class="sliding-maps">
        <Plain title="input" arr={map} cells={own} now={own[done - 1]} />
        <Kernel own={own} width={weights.width} done={done} />
        <Plain title="what it makes of it" arr={made} cells={[{ y, x }]} now={{ y, x }} />
      </div>
      <div class="row" role="group" aria-label="Move the kernel">
        {!still() && (
          <button type="button" aria-pressed={playing.value} onClick={() => (playing.value = !playing.value)}>
            {playing.value ? "Pause" : "Play"}
          </button>
        )}
        <button type="button" onClick={() => step(1)}>
          Next product
        </button>
        <button type="button" onClick={() => step(-1)}>
          Product before
        </button>
        <button type="button" onClick={() => step(count)}>
          Next place
        </button>
        <button type="button" onClick={() => (at.value = start * count + count - 1)}>
          To the neuron
        </button>
      </div>
    </div>
  );
}

/** A map, with the places that are read and the one whose turn it is. */
function Plain({ title, arr, cells, now }: { title: string; arr: Arr; cells: { y: number; x: number }[]; now?: { y: number; x: number } }) {
  const [height = 1, width = 1] = arr.shape;
  const scale = useMemo(() => suited(least(arr.data), most(arr.data)), [arr]);
  const picture = useMemo(() => pictureOf(arr, scale), [arr]);
  return (
    <figure class="sliding-map">
      <figcaption>
        {title}{" "}
        <span class="quiet">
          {height} × {width}, {written(least(arr.data))} to {written(most(arr.data))}
        </span>
      </figcaption>
      <div class="sliding-over" style={{ aspectRatio: `${width} / ${height}` }}>
        <Pixels picture={picture} label={`${title}: ${height} × ${width}`} class="crisp" />
        <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {cells.map((cell) => (
            <rect key={`${cell.y} ${cell.x}`} class="cell" x={cell.x} y={cell.y} width="1" height="1" />
          ))}
          {now && <rect class="cell now" x={now.x} y={now.y} width="1" height="1" />}
        </svg>
      </div>
    </figure>
  );
}

/** Each weight of the kernel with the number under it; those done so far stand out. */
function Kernel({ own, width, done }: { own: Product[]; width: number; done: number }) {
  const rows = Array.from({ length: own.length / width }, (_, i) => own.slice(i * width, (i + 1) * width));
  return (
    <table class="sliding-kernel">
      <caption>kernel × input = product</caption>
      <tbody>
        {rows.map((row, i) => (
          <tr key={row[0]?.y}>
            {row.map((one, j) => (
              <td key={one.x} class={i * width + j === done - 1 ? "now" : i * width + j < done ? "done" : ""}>
                {written(one.weight)} × {one.padding ? "padding" : written(one.input)}
                <b class={one.product > 0 ? "excites" : one.product < 0 ? "inhibits" : ""}>{written(one.product)}</b>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function outputOf(input: Plane, kernel: Plane, rows: Side, columns: Side): Arr {
  const [height, width] = [outputs(rows), outputs(columns)];
  const data = Float32Array.from({ length: height * width }, (_, i) =>
    products(input, kernel, rows, columns, Math.floor(i / width), i % width).reduce((sum, one) => sum + one.product, 0),
  );
  return { data, shape: [height, width] };
}

function planeOf(arr: Arr): Plane {
  const [height = 1, width = 1] = arr.shape;
  return { data: arr.data, height, width };
}

function sideOf(size: number, kernel: number, moving: Moving, axis: 0 | 1): Side {
  return { size, kernel, stride: moving.stride[axis], padding: moving.padding[axis], dilation: moving.dilation[axis] };
}

function least(data: Arr["data"]): number {
  return (data as Float32Array).reduce((a, b) => Math.min(a, b), Infinity);
}

function most(data: Arr["data"]): number {
  return (data as Float32Array).reduce((a, b) => Math.max(a, b), -Infinity);
}
