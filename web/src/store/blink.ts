/** Two pictures in turn at one place: by a clock, or by hand alone where the reader wants nothing to move. */
import { signal } from "@preact/signals";
import * as state from "./state";

/** Milliseconds from one swap to the next: at most 1.25 flashes a second, where more than three can harm (WCAG 2.3.1). */
export const LEAST = 400;
export const PACE = 600;

export const blinking = signal(false);
/** Whether it is the other picture that is in sight. */
export const swapped = signal(false);
/** Whether the pixels under the pointer are enlarged. */
export const loupe = signal(false);

let last = -Infinity;

/** Does what changes the picture in sight, unless one has just changed: keys that are held down repeat faster than is safe. */
function gated(change: () => void, now: number): void {
  if (now - last < LEAST) return;
  last = now;
  change();
}

export function swap(now = performance.now()): void {
  gated(() => (swapped.value = !swapped.value), now);
}

export function toggleBlink(now = performance.now()): void {
  gated(() => {
    blinking.value = !blinking.value;
    swapped.value = false;
  }, now);
}

export function stopBlinking(): void {
  blinking.value = swapped.value = false;
}

/** Whether the reader wants nothing to move by itself. */
export function isStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** What the key does: blinking on and off; where nothing may move, on, and then from one picture to the other. */
export function pressBlink(): void {
  if (!paired()) return;
  if (blinking.value && isStill()) {
    swap();
    state.said.value = swapped.value ? "The other picture." : "This picture.";
  } else toggleBlink();
}

export function toggleLoupe(): void {
  if (paired()) loupe.value = !loupe.value;
}

function paired(): boolean {
  if (!state.other.value) state.said.value = state.problem.value = "Choose a picture to compare with first: blink and loupe are of two.";
  return state.other.value !== "";
}
