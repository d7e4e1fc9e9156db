/** Which of the pages is on screen, and the way to another. */
import { batch, computed } from "@preact/signals";
import { leaveMap, mapPlace, openMap } from "./places/map_place";
import { openSpace, spacePlace } from "./places/space_place";
import { trainingPlace } from "./places/training_place";
import * as state from "./state";

const PAGES = ["Toolbox", "Circuit", "Space", "Map", "Training"] as const;
export type Page = (typeof PAGES)[number];

/** Those there is something for: a network, or runs of a training. */
export const offered = computed(() =>
  PAGES.filter((page) => (page === "Training" ? !!state.session.value?.runs : state.network.value !== null)),
);

export const shown = computed<Page>(() => {
  if (trainingPlace.value) return "Training";
  if (spacePlace.value) return "Space";
  if (mapPlace.value) return "Map";
  return state.page.value === "circuit" ? "Circuit" : "Toolbox";
});

/** Shows a page, there where it was left. */
export function goTo(page: Page): void {
  if (page === shown.peek()) return;
  batch(() => {
    if (mapPlace.peek()) leaveMap();
    spacePlace.value = trainingPlace.value = null;
    if (page === "Training") trainingPlace.value = "#/training";
    else if (page === "Space") openSpace({ at: state.layer.peek() });
    else if (page === "Map") openMap();
    else state.page.value = page === "Circuit" ? "circuit" : "toolbox";
  });
}
