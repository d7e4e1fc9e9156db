/** How the toolbox itself stands: what no link carries. */
import { effect, signal } from "@preact/signals";
import { recall, remember } from "../hosts/memory";
import * as state from "./state";

export const paletteOpen = signal(false);
/** What the palette is opened with: `class ` asks for classes only. */
export const paletteText = signal("");
export const helpOpen = signal(false);
/** Height of a tile; 0 fits them all. */
export const zoom = signal(0);
/** The unit's map laid over the picture. */
export const laidOver = signal(false);
/** Whether the pointer hides parts of the picture. */
export const hiding = signal(false);
/** The channel under the pointer, -1 for none. */
export const hovered = signal(-1);
export const tab = signal<"scan" | "technique" | "jobs">("scan");
export const showClasses = signal(true);
export const showUnits = signal(true);

export function openPalette(text = ""): void {
  paletteText.value = text;
  paletteOpen.value = true;
}

/** Theme and keys as they were left, kept from now on. */
export function settle(): void {
  const theme = recall("theme");
  if (theme === "light" || theme === "dark") state.theme.value = theme;
  state.singleKeys.value = recall("keys") !== "off";
  effect(() => {
    remember("theme", state.theme.value);
    if (state.theme.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = state.theme.value;
  });
  effect(() => remember("keys", state.singleKeys.value ? "on" : "off"));
}
