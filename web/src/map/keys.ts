/** The keys of the map: one table that acts and that the help lists. They act while the map has the focus. */
import { mapPlace, move } from "../store/places/map_place";
import { goTo, openInToolbox, step, turnSelected, whole, zoom } from "./going";
import * as state from "./state";

export interface MapKey {
  keys: readonly string[];
  text: string;
  does(): unknown;
}

export function turnLayout(): void {
  if (state.header.value?.dims === 2) move({ layout: mapPlace.value?.layout === "grid" ? "map" : "grid" });
}

function leave(): void {
  if (state.selected.value.length) state.clearSelection();
  else move({ at: -1 });
}

export const MAP_KEYS: readonly MapKey[] = [
  { keys: ["ArrowLeft"], text: "Nearest image to the left", does: () => step("left") },
  { keys: ["ArrowRight"], text: "Nearest image to the right", does: () => step("right") },
  { keys: ["ArrowUp"], text: "Nearest image above", does: () => step("up") },
  { keys: ["ArrowDown"], text: "Nearest image below", does: () => step("down") },
  { keys: ["Home"], text: "First image", does: () => goTo(0) },
  { keys: ["End"], text: "Last image", does: () => goTo(state.count.value - 1) },
  { keys: ["Enter"], text: "Open the image in the toolbox (Esc there: back)", does: () => openInToolbox(state.at.value) },
  { keys: [" "], text: "Select the image or not", does: () => turnSelected(state.at.value) },
  { keys: ["+", "="], text: "Nearer", does: () => zoom(1.5) },
  { keys: ["-"], text: "Further away", does: () => zoom(1 / 1.5) },
  { keys: ["0"], text: "The whole map", does: whole },
  { keys: ["g"], text: "Map or grid", does: turnLayout },
  { keys: ["s"], text: "Drag to move, or to select", does: () => (state.tool.value = state.tool.value === "move" ? "select" : "move") },
  { keys: ["Escape"], text: "Nothing selected; then no image", does: leave },
];

export function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const row = MAP_KEYS.find(({ keys }) => keys.includes(event.key));
  if (!row) return;
  event.preventDefault();
  event.stopPropagation();
  row.does();
}
