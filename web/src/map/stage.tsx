/** The map itself: one element that takes the focus, its canvas, and what lies over it. */
import { computed, type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { mapPlace } from "../store/places/map_place";
import { inks } from "./coloring";
import { type Spot, scaleOf, toMap, toScreen } from "./drawing/camera";
import { nearest } from "./drawing/nearest";
import { Passage, type Target } from "./drawing/passage";
import { arrived } from "./drawing/pictures";
import { between } from "./drawing/places";
import { type Painted, Painter, type Scene } from "./drawing/scene";
import { accent, paper } from "./drawing/theme";
import { stage } from "./going";
import { idsOf, told } from "./ids";
import { pressed } from "./keys";
import { PictureOf } from "./picture";
import { Pointing } from "./pointing";
import * as state from "./state";

const REACH = 12; // pixels around a dot that mean it

/** Where the marks are to be. */
const target = computed<Target | null>(() => {
  const [grid, all, at] = [state.grid.value, state.layouts.value, state.snapshot.value];
  if (mapPlace.value?.layout === "grid" && grid) return { layout: grid, places: grid.places, cell: grid.side };
  const [layout, one, two] = [all[Math.round(at)], all[Math.floor(at)], all[Math.ceil(at)]];
  if (!layout || !one || !two) return null;
  const places = one === two ? one.places : between(one.places, two.places, at % 1, new Float32Array(one.places.length));
  return { layout, places, cell: 0 };
});

export function Stage() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const element = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 1, height: 1 });
  const painted = useSignal<readonly Painted[]>([]);
  const line = useSignal<Spot[]>([]);
  const frame = useRef({ id: 0, passage: new Passage(), painter: new Painter(), snapshot: -1 });

  useEffect(() => {
    const watched = element.current!;
    const watcher = new ResizeObserver(() => {
      size.value = stage.size = { width: watched.clientWidth, height: watched.clientHeight };
    });
    watcher.observe(watched);
    return () => watcher.disconnect();
  }, []);

  const paint = (now: number) => {
    const { passage, painter } = frame.current;
    frame.current.id = 0;
    const pen = canvas.current?.getContext("2d", { alpha: false, willReadFrequently: true });
    const to = target.peek();
    if (!pen || !to) return;
    stage.places = passage.places(now);
    painted.value = painter.paint(pen, sceneOf(to, stage.places));
    const waiting = state.pictures.peek()?.waiting || passage.moving(now);
    canvas.current!.dataset.painted = `${painted.value.length}${waiting ? " and more to come" : ""}`; // for tests and measurements
    if (passage.moving(now)) again();
  };
  const again = () => {
    frame.current.id ||= requestAnimationFrame(paint);
  };

  useSignalEffect(() => {
    const to = target.value;
    if (!to) return;
    const small = Math.abs(state.snapshot.value - frame.current.snapshot) < 0.3 && mapPlace.value?.layout !== "grid" && !wasGrid.current;
    wasGrid.current = mapPlace.value?.layout === "grid";
    frame.current.snapshot = state.snapshot.value;
    frame.current.passage.go(to, performance.now(), small || matchMedia("(prefers-reduced-motion: reduce)").matches);
    again();
  });
  const wasGrid = useRef(false);
  useSignalEffect(() => {
    for (const one of [state.camera, size, inks, state.selection, state.enlarged, state.at, arrived, state.pictures, paper, accent])
      one.value;
    again();
  });
  useEffect(() => () => cancelAnimationFrame(frame.current.id), []);

  /** The mark under a spot of the screen. */
  const under = (spot: Spot): number => {
    const over = painted.value.findLast(({ x, y, side }) => Math.abs(spot.x - x) <= side / 2 && Math.abs(spot.y - y) <= side / 2);
    const reach = REACH / scaleOf(state.camera.value, stage.size);
    return over?.mark ?? nearest(stage.places, toMap(state.camera.value, stage.size, spot), reach);
  };
  const pointing = useRef<Pointing>(null);
  pointing.current ??= new Pointing(under, line);
  useEffect(() => pointing.current!.listen(element.current!), []);

  const told = useComputed(() => describe());
  return (
    <div
      ref={element}
      class={`map-stage ${state.tool.value}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes the focus and the keys
      tabIndex={0}
      role="application"
      aria-roledescription="map"
      aria-label={told.value}
      aria-describedby="map-keys"
      onKeyDown={pressed}
    >
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus */}
      <canvas ref={canvas} aria-hidden="true" />
      <p id="map-keys" class="unseen">
        Arrows go to the nearest image in each direction, Enter opens it in the toolbox, Space selects it.
      </p>
      <Marked painted={painted} />
      {line.value.length > 1 && (
        <svg class="map-over" aria-hidden="true">
          <polygon class="map-lasso" points={line.value.map(({ x, y }) => `${x},${y}`).join(" ")} />
        </svg>
      )}
      <Tip painted={painted} />
    </div>
  );
}

function sceneOf(to: Target, places: Float32Array): Scene {
  return {
    size: stage.size,
    density: Math.min(devicePixelRatio || 1, 2),
    camera: state.camera.peek(),
    places,
    layout: to.layout,
    cell: to.cell,
    inks: inks.peek().words,
    selection: state.selection.peek(),
    any: state.selected.peek().length > 0,
    enlarged: state.enlarged.peek(),
    at: state.at.peek(),
    plain: inks.peek().plain,
    pictures: state.pictures.peek(),
    arrivals: arrived.peek(),
    paper: paper.peek(),
    accent: accent.peek(),
  };
}

function describe(): string {
  const header = state.header.value;
  if (!header) return "Map";
  const at = state.at.value;
  const here = at < 0 ? "" : ` At ${told(idsOf([at])[0]!, state.classOf(at))}.`;
  return `Map of ${header.images} images at ${header.layer}.${here}`;
}

/** Grows with every painting, so that what lies over the map stays where its marks are. */
interface OverProps {
  painted: Signal<readonly Painted[]>;
}

/** Where a mark is on the screen; null where there is none. */
function spotOf(mark: number): Spot | null {
  const { places, size } = stage;
  if (mark < 0 || 2 * mark >= places.length) return null;
  return toScreen(state.camera.value, size, { x: places[2 * mark]!, y: places[2 * mark + 1]! });
}

/** Rings around the mark one is at, and the one under the pointer. */
function Marked({ painted }: OverProps) {
  const now = painted.value;
  const ring = (mark: number, kind: string) => {
    const spot = spotOf(mark);
    if (!spot) return null;
    const { x, y } = spot;
    const side = (now.find((one) => one.mark === mark)?.side ?? 10) + 8;
    return (
      <g class={kind}>
        <rect class="under" x={x - side / 2} y={y - side / 2} width={side} height={side} rx="3" />
        <rect x={x - side / 2} y={y - side / 2} width={side} height={side} rx="3" />
      </g>
    );
  };
  return (
    <svg class="map-over" aria-hidden="true">
      {ring(state.at.value, "here")}
      {state.hovered.value !== state.at.value && ring(state.hovered.value, "hovered")}
    </svg>
  );
}

/** Beside the mark under the pointer: its picture, its id and its class. */
function Tip({ painted }: OverProps) {
  painted.value;
  const mark = state.hovered.value;
  const spot = spotOf(mark);
  if (!spot) return null;
  const { x, y } = spot;
  const { size } = stage;
  const [left, up] = [x > size.width / 2, y > size.height / 2];
  const place = {
    ...(left ? { right: `${size.width - x + 14}px` } : { left: `${x + 14}px` }),
    ...(up ? { bottom: `${size.height - y + 14}px` } : { top: `${y + 14}px` }),
  };
  return (
    <div class="map-tip" style={place} aria-hidden="true">
      <PictureOf mark={mark} side={112} />
      <p>{idsOf([mark])[0]}</p>
      <p class="quiet">{state.classOf(mark) || "no class"}</p>
    </div>
  );
}
