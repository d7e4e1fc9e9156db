/** Space itself: one element that takes the focus and the keys, the scene, and names over it. */
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { dark } from "../../map/drawing/theme";
import { goInSpace, spacePlace } from "../../store/places/space_place";
import * as app from "../../store/state";
import { labels, write } from "../drawing/labels";
import { fitting, type Orbit, partWay, seenAt, shifted, turned, zoomed } from "../drawing/orbit";
import { cornersOf, type Hit, middleOf, pick } from "../drawing/picking";
import { NetworkScene } from "../drawing/scene";
import * as state from "../state";
import { openUnit, stepCell, told, walk } from "../walking";
import { colorsOf, linesOf } from "./words";

const START: Orbit = { target: { x: 0, y: 0, z: 0 }, turn: 0.86, tilt: 0.26, distance: 10 };
const REACH = 15; // of a long network, what is seen of it at first
const MOVE = 320; // milliseconds from plane to plane

export function Stage() {
  const element = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const orbit = useSignal<Orbit>(START);
  const size = useSignal({ width: 1, height: 1 });
  const scene = useRef<NetworkScene | null>(null);
  const frame = useRef({ id: 0, sight: 0, moving: 0, drawn: new Map<number, state.Tiles>() });
  const planes = () => state.space.peek()?.planes ?? [];
  const aspect = () => size.peek().width / Math.max(1, size.peek().height);

  const paint = () => {
    frame.current.id = 0;
    const drawn = scene.current;
    if (!drawn || !over.current) return;
    drawn.render(orbit.peek());
    const { width, height } = size.peek();
    const pen = prepared(over.current, width, height);
    const at = state.at.peek()?.plane ?? -1;
    if (pen) write(pen, labels(planes(), state.isShown, orbit.peek(), size.peek(), at, linesOf), at, colorsOf(over.current));
    canvas.current!.dataset.calls = `${drawn.drawCalls}`; // for tests and measurements
    canvas.current!.dataset.shown = state.tilesOf.peek();
    canvas.current!.dataset.tiles = `${frame.current.drawn.size}`;
  };
  const again = () => {
    frame.current.id ||= requestAnimationFrame(paint);
  };

  useEffect(() => {
    const own = element.current; // gone already where there is no WebGL
    if (!own) return;
    const watcher = new ResizeObserver(() => {
      size.value = { width: own.clientWidth, height: own.clientHeight };
    });
    watcher.observe(own);
    return () => watcher.disconnect();
  }, []);
  useSignalEffect(() => {
    const space = state.space.value;
    frame.current.drawn = new Map();
    scene.current?.dispose();
    scene.current = null;
    if (!space || !canvas.current) return;
    try {
      scene.current = new NetworkScene(canvas.current, space);
    } catch {
      state.noWebGL.value = true;
      return;
    }
    orbit.value = first(aspect());
    whole.current = size.peek().width > 1;
  });
  const whole = useRef(false);
  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current.id);
      clearTimeout(frame.current.sight);
      cancelAnimationFrame(frame.current.moving);
      scene.current?.dispose();
      scene.current = null;
    },
    [],
  );
  useSignalEffect(() => {
    const { width, height } = size.value;
    state.space.value;
    scene.current?.resize(width, height, Math.min(devicePixelRatio || 1, 2));
    if (width > 1 && !whole.current) orbit.value = first(width / height);
    whole.current = width > 1;
    again();
  });
  useSignalEffect(() => {
    dark.value;
    state.space.value;
    requestAnimationFrame(() => {
      if (!element.current) return;
      scene.current?.ink(colorsOf(element.current));
      again();
    });
  });
  useSignalEffect(() => {
    const { drawn } = frame.current;
    for (const [number, found] of state.tiles.value)
      if (drawn.get(number) !== found) {
        scene.current?.tiles(number, found.told, found.pixels);
        drawn.set(number, found);
      }
    again();
  });
  useSignalEffect(() => {
    state.hidden.value;
    state.space.value;
    scene.current?.show(state.isShown);
    again();
  });
  useSignalEffect(() => {
    scene.current?.mark(state.at.value, state.hovered.value, state.strands.value);
    again();
  });
  usePicture(scene, again);
  useSignalEffect(() => {
    orbit.value;
    size.value;
    state.space.value;
    state.hidden.value;
    again();
    clearTimeout(frame.current.sight);
    frame.current.sight = window.setTimeout(
      () => (state.inSight.value = sight(orbit.peek(), aspect())),
      state.inSight.peek().length ? 120 : 0,
    );
  });

  /** Goes to another view: at once where nothing is to move. */
  const go = (to: Orbit) => {
    cancelAnimationFrame(frame.current.moving);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      orbit.value = to;
      return;
    }
    const [from, begun] = [orbit.peek(), performance.now()];
    const step = () => {
      const share = Math.min(1, (performance.now() - begun) / MOVE);
      orbit.value = partWay(from, to, share * share * (3 - 2 * share));
      if (share < 1) frame.current.moving = requestAnimationFrame(step);
    };
    step();
  };
  const came = useRef("");
  useSignalEffect(() => {
    const [hit, place] = [state.at.value, spacePlace.value?.at ?? ""];
    const plane = state.planeOf(hit);
    const before = came.current;
    came.current = place;
    if (plane && place !== before && !clicked.current) go(near(orbit.peek(), hit!));
    clicked.current = false;
  });
  const clicked = useRef(false);

  const press = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    if (
      !pressed(
        event,
        orbit.peek(),
        go,
        () => fitting(orbit.peek(), planes().flatMap(cornersOf), aspect()),
        () => first(aspect()),
      )
    )
      return;
    event.preventDefault();
    event.stopPropagation();
  };
  const pointing = usePointing(
    element,
    orbit,
    (x, y) => pick(planes(), state.isShown, orbit.peek(), aspect(), x, y),
    (hit) => {
      clicked.current = true;
      if (hit) spacePlace.value = { ...spacePlace.value!, at: planes()[hit.plane]!.layer, channel: hit.channel };
      else spacePlace.value = { ...spacePlace.value!, at: "", channel: -1 };
    },
  );
  const words = useComputed(() => `Network in space. ${told()}.`);
  return (
    <div
      ref={element}
      class="space-stage"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes the focus and the keys
      tabIndex={0}
      role="application"
      aria-roledescription="network in space"
      aria-label={words.value}
      aria-describedby="space-keys"
      onKeyDown={press}
      {...pointing}
    >
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus */}
      <canvas ref={canvas} key={`${app.network.value?.name}`} aria-hidden="true" />
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus */}
      <canvas ref={over} aria-hidden="true" />
      <p id="space-keys" class="space-hint">
        Tab: next layer · Shift and arrows: unit · arrows or drag: turn · + − or wheel: zoom · Shift and drag: move · Enter: toolbox · Esc:
        leave
      </p>
      <div class="space-zoom">
        <button type="button" class="small" aria-label="Nearer" onClick={() => go(zoomed(orbit.value, 1.4))}>
          +
        </button>
        <button type="button" class="small" aria-label="Further away" onClick={() => go(zoomed(orbit.value, 0.7))}>
          −
        </button>
        <button type="button" class="small" onClick={() => go(fitting(orbit.value, planes().flatMap(cornersOf), aspect()))}>
          Whole
        </button>
        <button type="button" class="small" onClick={() => go(first(aspect()))}>
          Start
        </button>
      </div>
    </div>
  );
}

/** From the side, the beginning of the network in sight. */
function first(aspect: number): Orbit {
  const planes = state.space.peek()?.planes ?? [];
  const early = planes.filter((plane) => plane.along <= REACH);
  const all = early.length > planes.length - 3 ? planes : early;
  return all.length ? fitting(START, all.flatMap(cornersOf), aspect) : START;
}

/** Before a plane, so near that it fills half of the screen. */
function near(orbit: Orbit, hit: Hit): Orbit {
  const plane = state.planeOf(hit)!;
  const target = hit.channel < 0 ? { x: plane.along, y: 0, z: plane.across } : middleOf(plane, hit.channel);
  const distance = Math.min(orbit.distance, 3.4 * Math.max(plane.width, plane.height, 0.6));
  return { ...orbit, target, distance };
}

/** The planes that are in sight, those that look larger first. */
function sight(orbit: Orbit, aspect: number): number[] {
  const planes = state.space.peek()?.planes ?? [];
  const seen = planes.map((plane, number) => ({ number, far: nearestSeen(orbit, aspect, cornersOf(plane)) }));
  return seen
    .filter(({ number, far }) => far < Infinity && state.isShown(number))
    .sort((one, two) => one.far - two.far)
    .map(({ number }) => number);
}

function nearestSeen(orbit: Orbit, aspect: number, corners: ReturnType<typeof cornersOf>): number {
  const spots = corners.map((corner) => seenAt(orbit, aspect, corner));
  const inside =
    spots.some(({ z }) => z > 0) &&
    !["x", "y"].some((axis) => {
      const all = spots.map((spot) => (spot.z > 0 ? spot[axis as "x" | "y"] : 0));
      return Math.min(...all) > 1 || Math.max(...all) < -1;
    });
  return inside ? Math.min(...spots.map(({ z }) => Math.max(z, 0))) : Infinity;
}

/** To the buttons, from where Tab goes on through the page. */
function leave(stage: HTMLElement): void {
  goInSpace({ at: "", channel: -1 });
  stage.querySelector("button")?.focus();
}

/** What a key does; false where it does nothing, and the browser may. */
function pressed(event: KeyboardEvent, orbit: Orbit, go: (to: Orbit) => void, whole: () => Orbit, start: () => Orbit): boolean {
  const cells: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const arrow = cells[event.key];
  if (event.key === "Tab") return walk(event.shiftKey ? -1 : 1);
  if (arrow && event.shiftKey) stepCell(...arrow);
  else if (arrow) go(turned(orbit, -0.12 * arrow[0], -0.1 * arrow[1]));
  else if (event.key === "+" || event.key === "=") go(zoomed(orbit, 1.3));
  else if (event.key === "-") go(zoomed(orbit, 1 / 1.3));
  else if (event.key === "Home") go(start());
  else if (event.key === "End") go(whole());
  else if (event.key === "Enter") openUnit();
  else if (event.key === "Escape") leave(event.currentTarget as HTMLElement);
  else return false;
  return true;
}

/** Dragging turns, dragging with Shift or the right button moves, the wheel zooms, a click chooses. */
function usePointing(
  element: { current: HTMLDivElement | null },
  orbit: { value: Orbit; peek(): Orbit },
  under: (x: number, y: number) => Hit | null,
  choose: (hit: Hit | null) => void,
) {
  const held = useRef<{ x: number; y: number; moved: number } | null>(null);
  const spot = (event: MouseEvent) => {
    const box = element.current!.getBoundingClientRect();
    return under((2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height);
  };
  useEffect(() => {
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      orbit.value = zoomed(orbit.peek(), Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 400));
    };
    const own = element.current;
    if (!own) return;
    own.addEventListener("wheel", wheel, { passive: false });
    return () => own.removeEventListener("wheel", wheel);
  }, []);
  return {
    onPointerDown: (event: PointerEvent) => {
      if ((event.target as Element).closest("button")) return;
      held.current = { x: event.clientX, y: event.clientY, moved: 0 };
      element.current!.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      const from = held.current;
      if (!from) {
        state.hovered.value = (event.target as Element).closest("button") ? null : same(state.hovered.value, spot(event));
        return;
      }
      const [right, down] = [event.clientX - from.x, event.clientY - from.y];
      held.current = { x: event.clientX, y: event.clientY, moved: from.moved + Math.abs(right) + Math.abs(down) };
      const tall = element.current!.clientHeight;
      orbit.value =
        event.shiftKey || event.buttons === 2
          ? shifted(orbit.peek(), -right / tall, down / tall)
          : turned(orbit.peek(), -right / 250, down / 250);
    },
    onPointerUp: (event: PointerEvent) => {
      if (held.current && held.current.moved < 4) choose(spot(event));
      held.current = null;
    },
    onPointerLeave: () => (state.hovered.value = null),
    onDblClick: () => openUnit(),
    onContextMenu: (event: Event) => event.preventDefault(),
  };
}

function same(one: Hit | null, two: Hit | null): Hit | null {
  return one && two && one.plane === two.plane && one.channel === two.channel ? one : two;
}

/** Keeps the plane of the input at the image as the network sees it. */
function usePicture(scene: { current: NetworkScene | null }, again: () => void): void {
  useSignalEffect(() => {
    const [host, image, network, space] = [app.host.value, app.image.value, app.network.value?.name, state.space.value];
    const number = space?.planes.findIndex((plane) => plane.layer === "input") ?? -1;
    if (!host || !image || !network || number < 0) return;
    let wanted = true;
    host
      .imageUrl(image, network)
      .then(async (url) => {
        const picture = document.createElement("img");
        picture.src = url;
        await picture.decode();
        const bitmap = await createImageBitmap(picture);
        if (wanted) scene.current?.picture(number, bitmap);
        if (wanted) again();
      })
      .catch(() => undefined);
    return () => {
      wanted = false;
    };
  });
}

function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const density = Math.min(devicePixelRatio || 1, 2);
  const pen = canvas.getContext("2d");
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  pen?.setTransform(density, 0, 0, density, 0, 0);
  pen?.clearRect(0, 0, width, height);
  return pen;
}
