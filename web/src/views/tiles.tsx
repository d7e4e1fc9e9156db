/** The view of kind `tiles`: panels of tiles on canvases, with numbers beside their colors. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Arr } from "../hosts/host";
import * as state from "../store/state";
import { ScaleBar } from "./color_bar";
import { written } from "./colors";
import { Drawing } from "./drawing";
import { draw } from "./tile_drawing";
import { type Grid, grid, type Panel, roomFor, under } from "./tile_layout";
import type { ViewProps } from "./view";

const BETWEEN = 12; // panels, as in panels.css
const NARROW = 240; // what a panel gets before its place is measured

export function Tiles({ view: { panels }, arrays, unit }: ViewProps) {
  const [space, place] = useSpace();
  const rooms = roomFor(
    panels,
    panels.map((panel) => arrays[panel.array]?.shape ?? []),
    space,
    BETWEEN,
  );
  return (
    <div class="result-panels" ref={place}>
      {panels.map((panel, i) => (
        <PanelOf key={panel.array} panel={panel} array={arrays[panel.array]} space={rooms[i] ?? space} unit={unit} />
      ))}
    </div>
  );
}

/** The width there is for panels, and where to measure it. */
function useSpace(): [number, { current: HTMLDivElement | null }] {
  const place = useRef<HTMLDivElement | null>(null);
  const [space, put] = useState(NARROW);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = () => put(Math.max(64, Math.floor(element.clientWidth)));
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  return [space, place];
}

function PanelOf({ panel, array, space, unit }: { panel: Panel; array: Arr | undefined; space: number; unit: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [read, put] = useState("");
  const laid = array ? grid(panel, array.shape, space) : null;
  useEffect(() => {
    const element = canvas.current;
    if (element && array && laid) draw(element, panel, array, laid, getComputedStyle(element).color);
  }, [panel, array, space, state.theme.value]);
  if (panel.vector)
    return (
      <figure class="result-panel">
        <figcaption>{panel.title}</figcaption>
        <Drawing svg={panel.vector} label={panel.title} />
      </figure>
    );
  if (!array || !laid) return null;
  const point = (event: PointerEvent) => put(valueUnder(event, panel, array, laid));
  return (
    <figure class="result-panel" style={{ width: `${Math.min(laid.width, space)}px` }}>
      {panel.title && <figcaption>{panel.title}</figcaption>}
      <div class="result-tiles">
        <canvas
          ref={canvas}
          role="img"
          aria-label={describe(panel, array, unit)}
          style={{ width: `${laid.width}px`, height: `${laid.height}px` }}
          onPointerMove={point}
          onPointerLeave={() => put("")}
        />
      </div>
      {panel.scale && <ScaleBar scale={panel.scale} width={Math.min(laid.width, 224)} read={read} />}
    </figure>
  );
}

function describe(panel: Panel, array: Arr, unit: string): string {
  const count = array.shape[0] ?? 0;
  const range = panel.scale ? `, from ${written(panel.scale.low)} to ${written(panel.scale.high)}` : "";
  const names = panel.labels.filter(Boolean).slice(0, 12).join("; ");
  return `${panel.title || "picture"} of ${unit}: ${count === 1 ? "one tile" : `${count} tiles`}${range}${names && `. ${names}`}`;
}

/** What the value under the pointer is. */
function valueUnder(event: PointerEvent, panel: Panel, array: Arr, laid: Grid): string {
  const at = under(laid, array.shape, event.offsetX, event.offsetY);
  if (!at || !panel.scale) return "";
  const [, height = 1, width = 1, colors = 1] = array.shape;
  const first = ((at.index * height + at.y) * width + at.x) * colors;
  const values = Array.from(array.data.subarray(first, first + colors), written).join(", ");
  const name = panel.labels[at.index];
  return `${name ? `${name}: ` : ""}${values} at ${at.y}, ${at.x}`;
}
