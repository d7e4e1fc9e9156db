/** The picture as the network sees it, what the neuron under the pointer sees of it, and what is hidden from it. */
import { useRef } from "preact/hooks";
import type { Arr } from "../hosts/host";
import type { Box } from "../schema";
import { useImage } from "../store/image_url";
import * as state from "../store/state";
import * as ui from "../store/ui";
import { about, between, changed, type Frame, MOST, type Point, USUAL } from "./boxes";
import { Toggle } from "./controls";
import { UnitMap } from "./unit_map";

const STEP = 4;

export function PicturePanel() {
  const count = state.hidden.value.length;
  const info = state.images.value.find((row) => row.id === state.image.value);
  return (
    <section class="panel picture-panel" aria-labelledby="picture-title">
      <header class="tools">
        <h2 id="picture-title">
          Picture <small>{info?.name}</small>
        </h2>
      </header>
      <Stage />
      <div class="tool-row">
        <Toggle on={ui.hiding.value} onToggle={() => (ui.hiding.value = !ui.hiding.value)} title="Draw grey boxes over the picture (x)">
          Hide parts
        </Toggle>
        <button type="button" disabled={!count} onClick={() => (state.hidden.value = [])}>
          Clear{count ? ` ${count}` : ""}
        </button>
        <Toggle
          on={ui.laidOver.value}
          onToggle={() => (ui.laidOver.value = !ui.laidOver.value)}
          title="The unit's map over the picture (y)"
        >
          Lay unit over
        </Toggle>
      </div>
      <p class="quiet hint" id="picture-hint">
        {hint()}
      </p>
    </section>
  );
}

function hint(): string {
  if (ui.hiding.value)
    return "Drag over the picture to hide a part. By keys: Enter puts a box, arrows move it, + and − size it, Delete takes it away.";
  const field = fieldBox();
  if (!field) return "Point at a tile or at the enlarged map: its neuron's field is drawn here.";
  const status = state.fields.value?.header.status ?? "";
  return `Field of the neuron: ${field.right - field.left} × ${field.bottom - field.top} pixels (${status}).`;
}

function frameOf(): Frame {
  const [height, width] = state.network.value?.size ?? [1, 1];
  return { width, height };
}

/** What the neuron under the pointer sees; for a layer without places, what its units see. */
function fieldBox(): Box | null {
  const fields = state.fields.value;
  const neuron = state.neuron.value;
  const { rows, columns } = fields?.header.layer === state.layer.value ? (fields?.arrays ?? {}) : {};
  if (!neuron || !rows || !columns) return null;
  const [top, bottom] = window(rows, neuron.y);
  const [left, right] = window(columns, neuron.x);
  const { width, height } = frameOf();
  return { top: Math.max(0, top), left: Math.max(0, left), bottom: Math.min(height, bottom), right: Math.min(width, right) };
}

function window(ends: Arr, at: number): [number, number] {
  const row = Math.min(at, (ends.shape[0] ?? 1) - 1);
  return [ends.data[2 * row] ?? 0, ends.data[2 * row + 1] ?? 0];
}

function Stage() {
  const url = useImage(state.image.value, state.network.value?.name ?? "");
  const start = useRef<Point | null>(null);
  const { width, height } = frameOf();
  const name = state.images.value.find((row) => row.id === state.image.value)?.name ?? "picture";
  const point = (event: PointerEvent): Point => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * width, y: ((event.clientY - box.top) / box.height) * height };
  };
  const down = (event: PointerEvent) => {
    if (!ui.hiding.value || event.button !== 0 || state.hidden.value.length >= MOST) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    start.current = point(event);
    state.hidden.value = [...state.hidden.value, about(start.current, USUAL, frameOf())];
  };
  const drag = (event: PointerEvent) => {
    if (start.current) putLast(between(start.current, point(event), frameOf()));
  };
  const up = () => (start.current = null);
  return (
    <div
      class={`stage ${ui.hiding.value ? "hiding" : ""}`}
      style={{ aspectRatio: `${width} / ${height}` }}
      tabIndex={ui.hiding.value ? 0 : -1}
      role="group"
      aria-label={`${name} as the network sees it`}
      aria-describedby="picture-hint"
      onPointerDown={down}
      onPointerMove={drag}
      onPointerUp={up}
      onPointerCancel={up}
      onKeyDown={press}
    >
      {url && <img src={url} alt={name} draggable={false} />}
      {ui.laidOver.value && <UnitMap fade class="laid" />}
      <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <Boxes />
      </svg>
    </div>
  );
}

function Boxes() {
  const field = fieldBox();
  return (
    <>
      {state.hidden.value.map((box, i) => (
        <Rect key={i} box={box} kind="hidden-part" />
      ))}
      {field && (
        <>
          <Rect box={field} kind="field-under" />
          <Rect box={field} kind="field-box" />
        </>
      )}
    </>
  );
}

function Rect({ box, kind }: { box: Box; kind: string }) {
  return <rect class={kind} x={box.left} y={box.top} width={box.right - box.left} height={box.bottom - box.top} />;
}

function putLast(box: Box): void {
  state.hidden.value = [...state.hidden.value.slice(0, -1), box];
}

/** The same by keys: the last box is the one in hand, and the class scores follow as it moves. */
function press(event: KeyboardEvent): void {
  if (!ui.hiding.value || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!act(event.key, event.shiftKey ? 4 * STEP : STEP)) return;
  event.preventDefault();
  event.stopPropagation();
}

const ARROWS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function act(key: string, step: number): boolean {
  const frame = frameOf();
  const last = state.hidden.value.at(-1);
  const [right, down] = ARROWS[key] ?? [0, 0];
  const grown = key === "+" || key === "=" ? step : key === "-" ? -step : 0;
  if (key === "Enter" || key === " " || (!last && (right || down))) {
    if (state.hidden.value.length < MOST)
      state.hidden.value = [...state.hidden.value, about({ x: frame.width / 2, y: frame.height / 2 }, USUAL, frame)];
  } else if (key === "Delete" || key === "Backspace") state.hidden.value = state.hidden.value.slice(0, -1);
  else if (key === "Escape") ui.hiding.value = false;
  else if (last && (right || down || grown)) putLast(changed(last, right * step, down * step, grown, frame));
  else return false;
  return true;
}
