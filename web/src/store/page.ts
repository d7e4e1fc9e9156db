/** Which of the pages is on screen, and the way to another. */
import { batch, computed } from "@preact/signals";
import { leaveMap, mapPlace, openMap } from "./map_place";
import { openSpace, spacePlace } from "./space_place";
import * as state from "./state";

export const PAGES = ["Toolbox", "Circuit", "Space", "Map"] as const;
export type Page = (typeof PAGES)[number];

export const shown = computed<Page>(() => {
  if (spacePlace.value) return "Space";
  if (mapPlace.value) return "Map";
  return state.page.value === "circuit" ? "Circuit" : "Toolbox";
});

/** Shows a page, there where it was left. */
export function goTo(page: Page): void {
  if (page === shown.peek()) return;
  batch(() => {
    if (mapPlace.peek()) leaveMap();
    spacePlace.value = null;
    if (page === "Space") openSpace({ at: state.layer.peek() });
    else if (page === "Map") openMap();
    else state.page.value = page === "Circuit" ? "circuit" : "toolbox";
  });
}
