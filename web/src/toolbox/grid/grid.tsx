/** Every channel of the layer on one canvas. Moving the pointer redraws only the marks above it, and asks for nothing. */
import { type ReadonlySignal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { tileSide } from "../../store/ask";
import { selectChannel } from "../../store/selection";
import * as state from "../../store/state";
import * as ui from "../../store/ui";
import { mapped, maps, mapsOther, order, scaleFor, told } from "../units";
import { type Atlas, activationsAtlas, picturesAtlas } from "./atlas";
import { drawMarks, drawTiles, prepared, type Size } from "./drawing";
import { GridStatus, GridTools } from "./grid_tools";
import { at, fitting, type Layout, layout, placeOf } from "./layout";
import { pageRows, shownGrid } from "./move";

export function Grid() {
  const explained = mapped.value && maps.value?.header.explained;
  return (
    <section class="panel grid-panel" aria-labelledby="grid-title">
      <GridTools />
      {explained && <p class="note">{explained}</p>}
      <Tiles />
      <GridStatus />
    </section>
  );
}

function Tiles() {
  const frame = useRef<HTMLDivElement>(null);
  const below = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const size = useSignal<Size>({ width: 0, height: 0 });
  const top = useSignal(0);
  const grid = useComputed(() => arranged(size.value));
  const atlases = useAtlases();
  useSize(frame, (next) => (size.value = next));

  useSignalEffect(() => {
    shownGrid.value = grid.value;
    pageRows.value = Math.max(1, Math.floor(size.value.height / (grid.value.high + grid.value.gap)));
    const mapSide = Math.max(...(state.layerInfo.value?.shape.slice(1) ?? [1]));
    tileSide.value = mapSide > 56 && grid.value.high * devicePixelRatio > 64 ? 112 : 56;
  });
  useSignalEffect(() => {
    const context = prepared(below.current, size.value);
    if (!context) return;
    drawTiles(context, grid.value, atlases.value, order.value, top.value, size.value.height);
    if (frame.current && maps.value) frame.current.dataset.shown = `grid:${state.lookedOf.value}/${state.layer.value}`;
  });
  useSignalEffect(() => {
    const context = prepared(above.current, size.value);
    if (context) drawMarks(context, grid.value, top.value);
  });
  useSignalEffect(() => {
    const index = order.value.indexOf(state.channel.value);
    if (frame.current && index >= 0) reveal(frame.current, grid.value, index);
  });

  const pointed = (event: PointerEvent | MouseEvent) => {
    const box = frame.current?.getBoundingClientRect();
    return box ? at(grid.value, event.clientX - box.left, event.clientY - box.top + top.value) : null;
  };
  const hover = (event: PointerEvent) => {
    const hit = pointed(event);
    ui.hovered.value = hit ? (order.value[hit.index] ?? -1) : -1;
    state.neuron.value = hit && neuronAt(hit.u, hit.v);
  };
  const choose = (event: MouseEvent) => {
    const channel = order.value[pointed(event)?.index ?? -1];
    if (channel !== undefined) selectChannel(channel);
  };
  const leave = () => {
    ui.hovered.value = -1;
    state.neuron.value = null;
  };
  return (
    <div
      class="tiles"
      ref={frame}
      role="grid"
      tabIndex={0}
      aria-label={`Units of ${state.layer.value}`}
      aria-rowcount={grid.value.rows}
      aria-colcount={grid.value.columns}
      aria-activedescendant="unit-cell"
      onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
      onPointerMove={hover}
      onPointerLeave={leave}
      onClick={choose}
    >
      <div class="tiles-space" style={{ height: `${grid.value.height}px` }}>
        <div class="tiles-view" style={{ height: `${size.value.height}px` }} aria-hidden="true">
          <canvas ref={below} />
          <canvas ref={above} />
        </div>
        <Cell grid={grid} />
      </div>
    </div>
  );
}

/** The selected tile for those who do not see it. */
function Cell({ grid }: { grid: ReadonlySignal<Layout> }) {
  const index = Math.max(0, order.value.indexOf(state.channel.value));
  const { columns } = grid.value;
  return (
    <div role="row" class="unseen" aria-rowindex={Math.floor(index / columns) + 1}>
      <div role="gridcell" id="unit-cell" aria-selected="true" aria-colindex={(index % columns) + 1}>
        {told(state.channel.value)}
      </div>
    </div>
  );
}

function arranged({ width, height }: Size): Layout {
  const count = order.value.length;
  const pictures = mapsOther.value ? 2 : 1;
  const size = ui.zoom.value || fitting(count, width, height, pictures);
  return layout(count, width, Math.min(size, Math.max(24, Math.floor(width / pictures) - 1)), pictures);
}

/** The colored tiles: of this image, and of the other if there is one; or the synthesized pictures. */
function useAtlases(): ReadonlySignal<Atlas[]> {
  return useComputed(() => {
    const gallery = state.gridOf.value === "patches" ? state.crops.value : state.gallery.value;
    const { pictures, channels } = gallery?.header.layer === state.layer.value ? gallery.arrays : {};
    if (!mapped.value) return pictures && channels ? [picturesAtlas(pictures, channels)] : [];
    const tuning = { boost: state.boost.value, gamma: state.gamma.value };
    const common = state.scaleOf.value === "unit" ? null : scaleFor(0);
    return [maps.value, mapsOther.value]
      .filter((each) => each !== null)
      .map((each) => activationsAtlas(each, (channel) => common ?? scaleFor(channel), tuning));
  });
}

function useSize(frame: { current: HTMLElement | null }, resized: (size: Size) => void): void {
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => resized({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
}

function neuronAt(u: number, v: number): { y: number; x: number } | null {
  const [, height, width] = maps.value?.header.shape ?? [];
  if (!height || !width || !mapped.value) return null;
  const across = mapsOther.value ? (2 * u) % 1 : u;
  return { y: Math.floor(v * height), x: Math.floor(across * width) };
}

function reveal(frame: HTMLElement, grid: Layout, index: number): void {
  const { y } = placeOf(grid, index);
  const margin = 4;
  if (y < frame.scrollTop) frame.scrollTop = y - margin;
  else if (y + grid.high > frame.scrollTop + frame.clientHeight) frame.scrollTop = y + grid.high - frame.clientHeight + margin;
}
