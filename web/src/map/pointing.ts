/** What a pointer does on the map: move it, zoom it, draw a line around marks, choose one. */
import type { Signal } from "@preact/signals";
import * as app from "../store/state";
import { panned, type Spot, toMap, zoomed } from "./drawing/camera";
import { marksInside } from "./drawing/lasso";
import { goTo, openInToolbox, stage, turnSelected } from "./going";
import * as state from "./state";

const STILL = 4; // pixels within which a drag is a click

export class Pointing {
  #down = new Map<number, Spot>();
  #began: Spot | null = null;
  #dragged = false;
  #rect = new DOMRect();

  constructor(
    readonly under: (spot: Spot) => number,
    readonly line: Signal<Spot[]>,
  ) {}

  /** Takes what happens to an element; returns what ends that. */
  listen(element: HTMLElement): () => void {
    const ended = new AbortController();
    const { signal } = ended;
    const on = <K extends keyof HTMLElementEventMap>(kind: K, does: (event: HTMLElementEventMap[K]) => void) =>
      element.addEventListener(kind, does, { signal, passive: false });
    on("pointerdown", (event) => this.#press(event, element));
    on("pointermove", (event) => this.#move(event, element));
    on("pointerup", (event) => this.#release(event));
    on("pointercancel", (event) => this.#stop(event.pointerId));
    on("pointerleave", () => (state.hovered.value = -1));
    on("wheel", (event) => this.#wheel(event, element));
    on("dblclick", (event) => void openInToolbox(this.under(this.#spot(event, element))));
    return () => ended.abort();
  }

  #spot(event: MouseEvent, element: HTMLElement): Spot {
    this.#rect = element.getBoundingClientRect();
    return { x: event.clientX - this.#rect.left, y: event.clientY - this.#rect.top };
  }

  #press(event: PointerEvent, element: HTMLElement): void {
    if (event.button !== 0) return;
    element.focus({ preventScroll: true });
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    const spot = this.#spot(event, element);
    this.#down.set(event.pointerId, spot);
    this.#began = spot;
    this.#dragged = false;
    const draws = this.#down.size === 1 && (event.shiftKey || state.tool.value === "select");
    this.line.value = draws ? [spot] : [];
  }

  #move(event: PointerEvent, element: HTMLElement): void {
    const spot = this.#spot(event, element);
    const before = this.#down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") state.hovered.value = this.under(spot);
      return;
    }
    const began = this.#began ?? spot;
    if (!this.#dragged && Math.hypot(spot.x - began.x, spot.y - began.y) < STILL) return;
    this.#dragged = true;
    state.hovered.value = -1;
    if (this.line.value.length) this.line.value = [...this.line.value, spot];
    else if (this.#down.size === 2) this.#pinch(event.pointerId, before, spot);
    else state.camera.value = panned(state.camera.value, stage.size, spot.x - before.x, spot.y - before.y);
    this.#down.set(event.pointerId, spot);
  }

  /** Two fingers: their middle stays over what it is over. */
  #pinch(moved: number, before: Spot, spot: Spot): void {
    const [, other] = [...this.#down].find(([id]) => id !== moved) ?? [0, spot];
    const far = (one: Spot) => Math.max(8, Math.hypot(one.x - other.x, one.y - other.y));
    const middle = { x: (spot.x + other.x) / 2, y: (spot.y + other.y) / 2 };
    const shifted = panned(state.camera.value, stage.size, (spot.x - before.x) / 2, (spot.y - before.y) / 2);
    state.camera.value = zoomed(shifted, stage.size, far(spot) / far(before), middle);
  }

  #release(event: PointerEvent): void {
    const spot = this.#down.get(event.pointerId);
    if (!spot) return;
    const { line } = this;
    if (!this.#dragged) {
      const mark = this.under(spot);
      if (event.shiftKey) turnSelected(mark);
      else if (mark >= 0) goTo(mark);
    } else if (line.value.length > 2) around(line.value, event.shiftKey && state.tool.value === "select");
    this.#stop(event.pointerId);
  }

  #stop(id: number): void {
    this.#down.delete(id);
    this.line.value = [];
  }

  #wheel(event: WheelEvent, element: HTMLElement): void {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? 24 : 1);
    state.camera.value = zoomed(
      state.camera.value,
      stage.size,
      Math.exp(-pixels / (event.ctrlKey ? 120 : 420)),
      this.#spot(event, element),
    );
  }
}

/** Selects the marks inside a line on the screen. */
function around(line: readonly Spot[], added: boolean): void {
  const there = line.map((spot) => toMap(state.camera.value, stage.size, spot));
  const found = marksInside(there, stage.places);
  state.select(found, "a line drawn around them", added ? "added" : "alone");
  app.said.value = `${state.selected.value.length} images are selected.`;
}
