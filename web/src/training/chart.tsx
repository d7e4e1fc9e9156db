/** A chart over the steps: each run's own color, what was learned from solid, what was held out dashed, and what happened. */
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../store/state";
import { written } from "../views/colors";
import { charts, meaning, type RunData, recent, upTo } from "./data";
import * as state from "./state";

const HEIGHT = 210;
const ROOM = { left: 52, right: 10, top: 8, bottom: 22 };
const SMOOTH = 0.02; // of the width: over how much a curve is averaged

interface Line {
  steps: readonly number[];
  values: readonly number[];
  held: boolean;
  run: number;
  name: string;
}

/** What is drawn in the chart of a measure. */
export function linesOf(runs: readonly RunData[], base: string): Line[] {
  return runs.flatMap((data, run) => {
    const own = data.header.metrics.filter((name) => meaning(name).base === base);
    const lines = own.map((name): Line => ({ steps: data.steps, values: data.metrics[name]!, held: meaning(name).held, run, name }));
    const probed = data.probe[base];
    const held = own.some((name) => meaning(name).held);
    if (probed?.length && !held) lines.push({ steps: data.probeSteps, values: probed, held: true, run, name: `${base} on the probe` });
    return lines;
  });
}

export function Charts() {
  const runs = state.shown.value.flatMap((run) => state.known.value[run] ?? []);
  return (
    <div class="train-charts">
      {charts(runs)
        .slice(0, 6)
        .map((base) => (
          <Chart key={base} base={base} runs={runs} />
        ))}
    </div>
  );
}

function Chart({ base, runs }: { base: string; runs: readonly RunData[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const lines = linesOf(runs, base);
  const step = state.at.value;
  const dark = theme.value;
  useEffect(() => {
    const draw = () => canvas.current && paint(canvas.current, lines, runs, step, base);
    draw();
    const watcher = new ResizeObserver(draw);
    if (canvas.current) watcher.observe(canvas.current);
    return () => watcher.disconnect();
  }, [runs, step, base, dark]);
  const told = lines.map((line) => ({ line, value: at(line, step) }));
  const go = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const share = (event.clientX - box.left - ROOM.left) / Math.max(1, box.width - ROOM.left - ROOM.right);
    state.go(Math.round(Math.min(Math.max(share, 0), 1) * state.last.value));
  };
  return (
    <figure class="panel train-chart">
      <figcaption>
        <h3>{base}</h3>
        <ul class="train-legend">
          {told.map(({ line, value }) => (
            <li key={`${line.run} ${line.name}`} class={`run${line.run}${line.held ? " held" : ""}`}>
              <span class="train-key" aria-hidden="true" />
              {runs.length > 1 && `${"AB"[line.run]} `}
              {line.name} <b>{written(value)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      {/* the slider goes to any step, too: by keys */}
      <canvas
        ref={canvas}
        data-chart={base}
        role="img"
        aria-label={`${base} over ${state.last.value} steps`}
        style={{ height: `${HEIGHT}px` }}
        onClick={go}
      />
    </figure>
  );
}

/** Of curves the mean of the last hundred steps, of what is measured now and then the last value. */
function at(line: Line, step: number): number {
  const place = upTo(line.steps, step);
  if (!line.held) return recent(line.values, place);
  for (let i = place; i >= 0; i -= 1) if (!Number.isNaN(line.values[i]!)) return line.values[i]!;
  return Number.NaN;
}

function paint(canvas: HTMLCanvasElement, lines: readonly Line[], runs: readonly RunData[], step: number, base: string): void {
  const pen = canvas.getContext("2d");
  const width = canvas.clientWidth;
  if (!pen || !width) return;
  const zoom = devicePixelRatio || 1;
  canvas.width = width * zoom;
  canvas.height = HEIGHT * zoom;
  pen.scale(zoom, zoom);
  const css = getComputedStyle(canvas);
  const color = (name: string) => css.getPropertyValue(name).trim();
  const end = Math.max(1, state.last.value);
  const x = (at: number) => ROOM.left + (at / end) * (width - ROOM.left - ROOM.right);
  const [low, high] = rangeOf(lines, base);
  const y = (value: number) => HEIGHT - ROOM.bottom - ((value - low) / (high - low)) * (HEIGHT - ROOM.top - ROOM.bottom);
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = color("--quiet");
  pen.strokeStyle = color("--line");
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  for (const value of ticks(low, high)) {
    pen.textAlign = "right";
    pen.fillText(written(value), ROOM.left - 6, y(value));
    stroke(pen, [
      [ROOM.left, y(value)],
      [width - ROOM.right, y(value)],
    ]);
  }
  pen.textBaseline = "top";
  for (const value of ticks(0, end)) {
    pen.textAlign = value > 0.9 * end ? "right" : "center";
    pen.fillText(value.toLocaleString("en"), x(value), HEIGHT - ROOM.bottom + 6);
  }
  runs.forEach((data) => {
    for (const event of data.header.events) {
      pen.strokeStyle = color(event.what === "edited" ? "--mark" : HARM.has(event.what) ? "--bad" : "--line");
      pen.setLineDash([2, 3]);
      stroke(pen, [
        [x(event.step), ROOM.top],
        [x(event.step), HEIGHT - ROOM.bottom],
      ]);
    }
  });
  pen.setLineDash([]);
  for (const line of lines) draw(pen, line, { x, y, width, end, low, high }, color(line.run ? "--field" : "--accent"));
  pen.strokeStyle = color("--text");
  pen.lineWidth = 1;
  stroke(pen, [
    [x(step), ROOM.top],
    [x(step), HEIGHT - ROOM.bottom],
  ]);
}

export const HARM = new Set(["dead", "explodes", "still", "nonfinite", "not written"]);

interface Room {
  x(at: number): number;
  y(value: number): number;
  width: number;
  end: number;
  low: number;
  high: number;
}

function draw(pen: CanvasRenderingContext2D, line: Line, on: Room, color: string): void {
  const points: [number, number][] = [];
  line.steps.forEach((step, i) => {
    const value = line.values[i]!;
    if (Number.isFinite(value)) points.push([step, value]);
  });
  const place = ([step, value]: [number, number]): [number, number] => [on.x(step), on.y(Math.min(Math.max(value, on.low), on.high))];
  pen.strokeStyle = pen.fillStyle = color;
  if (line.held) {
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 3]);
    stroke(pen, points.map(place));
    pen.setLineDash([]);
    if (points.length < 60)
      for (const [px, py] of points.map(place)) {
        pen.beginPath();
        pen.arc(px, py, 2.5, 0, 7);
        pen.fill();
      }
    return;
  }
  pen.globalAlpha = 0.25;
  pen.lineWidth = 1;
  stroke(pen, thinned(points, 2 * on.width).map(place));
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  stroke(pen, thinned(smoothed(points), on.width).map(place));
}

/** Means over a share of all points, each of those before it. */
function smoothed(points: readonly [number, number][]): [number, number][] {
  const count = Math.max(1, Math.round(points.length * SMOOTH));
  let sum = 0;
  return points.map(([step, value], i) => {
    sum += value - (i >= count ? points[i - count]![1] : 0);
    return [step, sum / Math.min(i + 1, count)];
  });
}

function thinned<T>(points: readonly T[], most: number): T[] {
  const every = Math.max(1, Math.ceil(points.length / Math.max(1, most)));
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

function stroke(pen: CanvasRenderingContext2D, points: readonly [number, number][]): void {
  pen.beginPath();
  points.forEach(([x, y], i) => {
    if (i) pen.lineTo(x, y);
    else pen.moveTo(x, y);
  });
  pen.stroke();
}

/** From zero, or for a share to one; values far above the others, as at the very first steps, run out of it. */
function rangeOf(lines: readonly Line[], base: string): [number, number] {
  const values = lines.flatMap((line) => line.values.filter(Number.isFinite)).sort((a, b) => a - b);
  if (base.startsWith("acc")) return [0, 1];
  const most = values[Math.floor(0.99 * (values.length - 1))] ?? 1;
  const least = Math.min(0, values[Math.ceil(0.01 * (values.length - 1))] ?? 0);
  return [least, most > least ? most * 1.05 : least + 1];
}

/** Round numbers within a range. */
export function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10);
  return Array.from({ length: Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1 }, (_, i) => {
    return Number(((Math.ceil(low / step - 1e-9) + i) * step).toPrecision(12));
  });
}
