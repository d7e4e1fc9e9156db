/** What is known of the map on screen, and what the reader does with it; where in it they are is in its address. */
import { batch, computed, signal } from "@preact/signals";
import type { Frame } from "../hosts/host";
import type { MapColors, MapHeader, MapInfo } from "../schema";
import { mapPlace } from "../store/places/map_place";
import { type Camera, WHOLE } from "./drawing/camera";
import type { Layout } from "./drawing/nesting";
import type { Pictures } from "./drawing/pictures";

/** The map as it was answered; why there is none; the maps there are, null before that is known. */
export const map = signal<Frame<MapHeader> | null>(null);
export const trouble = signal("");
export const maps = signal<MapInfo[] | null>(null);
export const camera = signal<Camera>(WHOLE);
/** Where the marks lie on each of the maps, and on the grid, as far as it is asked for. */
export const layouts = signal<Layout[]>([]);
export const grid = signal<(Layout & { side: number }) | null>(null);
/** Colors as they were answered, other than by class. */
export const colors = signal<Frame<MapColors> | null>(null);
export const pictures = signal<Pictures | null>(null);
export const hovered = signal(-1);
export const tool = signal<"move" | "select">("move");
/** How large pictures are, 1 for so that they just do not lie over one another. */
export const enlarged = signal(1);

/** Of each mark 1 if it is selected, and what was done to select them, in words. */
export const selection = signal<Uint8Array>(new Uint8Array());
export const selectedBy = signal("");
export const selected = computed(() => [...selection.value.keys()].filter((mark) => selection.value[mark]));

export const header = computed(() => map.value?.header ?? null);
export const count = computed(() => header.value?.images ?? 0);
export const at = computed(() => mapPlace.value?.at ?? -1);
/** The mark that is looked at: under the pointer, else where one is. */
export const shown = computed(() => (hovered.value >= 0 ? hovered.value : at.value));
/** Which of the maps, from 0; between two of them while one goes over into the other. */
export const snapshot = computed(() => {
  const last = layouts.value.length - 1;
  const asked = mapPlace.value?.snapshot ?? -1;
  return asked < 0 ? last : Math.min(asked, last);
});

/** Selects marks alone, or adds them, or takes them out where all of them are selected already. */
export function select(marks: Iterable<number>, by: string, how: "alone" | "added" | "turned" = "alone"): void {
  const next = how === "alone" ? new Uint8Array(count.value) : selection.value.slice();
  const chosen = [...marks];
  const out = how === "turned" && chosen.every((mark) => next[mark]);
  for (const mark of chosen) next[mark] = out ? 0 : 1;
  batch(() => {
    selection.value = next;
    selectedBy.value = by;
  });
}

export function clearSelection(): void {
  select([], "");
}

/** The class of a mark, empty without. */
export function classOf(mark: number): string {
  const found = map.value;
  return found?.header.classes[found.arrays.classes?.data[mark] ?? -1] ?? "";
}
