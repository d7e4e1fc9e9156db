/** A result: its panels on canvases with numbers beside their colors, what must be known of it, and how to get it again. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { table, written } from "./colors";
import type { Arr, Frame } from "../hosts/host";
import type { Answer } from "../schema";
import * as state from "../store/state";
import { door, sentence } from "../store/requests";
import { draw } from "./tile_drawing";
import { ends, grid, type Grid, type Panel, roomFor, type Spec, under } from "./tile_layout";

const BETWEEN = 12; // panels, as in panels.css
const NARROW = 240; // what a panel gets before its place is measured

/** With `compact` only the pictures and what must be known stay in sight. */
export function ResultView({ answer, compact = false }: { answer: Frame<Answer>; compact?: boolean }) {
  const { header, arrays } = answer;
  const spec = header.spec as unknown as Spec;
  const [space, place] = useSpace();
  const rest = (
    <div class="result-rest">
      <Keep header={header} film={spec.panels.some((panel) => panel.array === "frames")} />
      <Python line={header.python} />
      <Evidence found={header.evidence} />
    </div>
  );
  const rooms = roomFor(spec.panels, spec.panels.map((panel) => arrays[panel.array]?.shape ?? []), space, BETWEEN);
  return (
    <section class="result" aria-label={spec.title}>
      <h3 class="result-title">{spec.title}</h3>
      <div class="result-panels" ref={place}>
        {spec.kind === "tiles" ? (
          spec.panels.map((panel, i) => <Tiles key={panel.array} panel={panel} array={arrays[panel.array]} space={rooms[i] ?? space} unit={header.unit} />)
        ) : (
          <p>This page cannot draw a view of kind {spec.kind}. Its PNG shows it.</p>
        )}
      </div>
      {spec.panels.length === 0 && <p class="quiet">There is nothing to draw: see below why.</p>}
      {spec.note && <p class="result-note">{spec.note}</p>}
      {compact ? <details><summary>Save, Python, how it was found</summary>{rest}</details> : rest}
    </section>
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

function Tiles({ panel, array, space, unit }: { panel: Panel; array: Arr | undefined; space: number; unit: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [read, put] = useState("");
  const laid = array ? grid(panel, array.shape, space) : null;
  useEffect(() => {
    const element = canvas.current;
    if (element && array && laid) draw(element, panel, array, laid, getComputedStyle(element).color);
  }, [panel, array, space, state.theme.value]);
  if (!array || !laid) return null;
  const point = (event: PointerEvent) => put(valueUnder(event, panel, array, laid));
  return (
    <figure class="result-panel" style={{ width: `${Math.min(laid.width, space)}px` }}>
      {panel.title && <figcaption>{panel.title}</figcaption>}
      <div class="result-tiles">
        <canvas
          ref={canvas} role="img" aria-label={describe(panel, array, unit)}
          style={{ width: `${laid.width}px`, height: `${laid.height}px` }}
          onPointerMove={point} onPointerLeave={() => put("")}
        />
      </div>
      {panel.scale && <Bar scale={panel.scale} width={Math.min(laid.width, 224)} read={read} />}
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

/** A color bar with numbers. */
export function Bar({ scale, width, read = "" }: { scale: NonNullable<Panel["scale"]>; width: number; read?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const colors = table(scale.map);
    const pen = canvas.current?.getContext("2d");
    if (!canvas.current || !pen) return;
    canvas.current.width = colors.length;
    canvas.current.height = 1;
    pen.putImageData(new ImageData(new Uint8ClampedArray(Uint32Array.from(colors).buffer), colors.length, 1), 0, 0);
  }, [scale.map]);
  const [low, middle, high] = ends(scale);
  return (
    <div class="result-bar" style={{ width: `${Math.max(width, 96)}px` }}>
      <canvas ref={canvas} aria-hidden="true" />
      <p class="ticks"><span>{low}</span><span>{middle}</span><span>{high}</span></p>
      {read && <p class="result-read">{read}</p>}
    </div>
  );
}

/** Saves what the result is kept as. */
function Keep({ header, film }: { header: Answer; film: boolean }) {
  const [trouble, put] = useState("");
  const save = async (ending: "png" | "npz" | "json" | "mp4") => {
    try {
      put("");
      const link = document.createElement("a");
      link.href = await door().artifactUrl(header.digest, ending);
      link.download = `${header.technique}-${header.unit.replace(/[^\w.-]+/g, "_")}-${header.digest.slice(0, 8)}.${ending}`;
      link.click();
    } catch (error) {
      put(sentence(error));
    }
  };
  return (
    <div class="row result-keep">
      <button type="button" onClick={() => void save("png")} title="The picture; it carries its request, so convscope can make it again">Save PNG</button>
      <button type="button" onClick={() => void save("npz")} title="All arrays, for NumPy">Numbers (npz)</button>
      {film && <button type="button" onClick={() => void save("mp4")}>Film (mp4)</button>}
      {trouble && <p class="wrong" role="alert">{trouble}</p>}
    </div>
  );
}

function Evidence({ found }: { found: Record<string, unknown> }) {
  const rows = Object.entries(found);
  if (!rows.length) return null;
  return (
    <details class="result-evidence">
      <summary>How it was found</summary>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}><dt>{name.replace(/_/g, " ")}</dt><dd>{told(value)}</dd></div>
        ))}
      </dl>
    </details>
  );
}

export function told(value: unknown): string {
  if (value === null) return "none";
  if (typeof value === "number") return Number.isInteger(value) ? String(value).replace("-", "−") : written(value);
  if (Array.isArray(value)) return value.length > 12 ? `${value.slice(0, 12).map(told).join(", ")}, … ${value.length} in all` : value.map(told).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([key, one]) => `${key}: ${told(one)}`).join(", ");
  return String(value);
}

/** The Python that makes it again, to copy. */
export function Python({ line }: { line: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, put] = useState("Copy");
  if (!line) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      put("Copied");
      state.said.value = "The Python is copied.";
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current); // without leave to write, the reader copies
      put("Press Ctrl-C");
    }
  };
  return (
    <div class="copyable">
      <pre tabIndex={0} aria-label="Python that makes this again"><code ref={code}>{line}</code></pre>
      <button type="button" onClick={() => void copy()} onBlur={() => put("Copy")}>{copied}</button>
    </div>
  );
}
