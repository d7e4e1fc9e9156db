/** The toolbox's keys: one table that acts and that the help lists. Single keys can be switched off (WCAG 2.1.4). */
import { batch } from "@preact/signals";
import { toggleCamera, toggleFreeze } from "../input/camera";
import { crop, nextImage, previousImage } from "../input/sources";
import { pressBlink, toggleLoupe } from "../store/blink";
import { cycleMode, cycleStyle, reset, toggleGradients, togglePin } from "../store/display";
import { shown } from "../store/page";
import { mapLeft, openMap } from "../store/places/map_place";
import * as state from "../store/state";
import * as ui from "../store/ui";
import { moveBy, moveTo } from "../toolbox/grid/move";
import { moveLayer } from "../toolbox/layers";

export interface Key {
  keys: readonly string[];
  group: "Picture" | "Layers and units" | "Grid" | "Tracing back" | "Page";
  text: string;
  /** Works even where single keys are switched off. */
  always?: boolean;
  does(key: string): unknown;
}

const FAR = 3; // how many steps a capital goes

function step(right: number, down: number): (key: string) => void {
  return (key) => {
    const times = /^[IJKL]$/.test(key) ? FAR : 1;
    moveBy(right * times, down * times);
  };
}

function boost(factor: number): () => void {
  return () => {
    state.boost.value = Math.min(Math.max(state.boost.value * factor, 1), 16);
    state.said.value = `Boost ${state.boost.value.toFixed(1)}.`;
  };
}

/** Round through some gammas, as the Deep Visualization Toolbox does. */
function nextGamma(): void {
  const all = [1, 1.5, 2, 3];
  state.gamma.value = all[(all.indexOf(state.gamma.value) + 1) % all.length] ?? 1;
  state.said.value = `Gamma ${state.gamma.value}.`;
}

function showAsAtFirst(): void {
  const map = mapLeft.value;
  if (map && map.at >= 0) {
    openMap(map);
    mapLeft.value = null;
    return;
  }
  batch(() => {
    ui.hiding.value = ui.laidOver.value = false;
    ui.zoom.value = 0;
    reset();
    state.said.value = "Everything but network, layer, unit and picture is as it was at first.";
  });
}

export const KEYS: readonly Key[] = [
  { keys: ["c"], group: "Picture", text: "Camera on or off", does: toggleCamera },
  { keys: ["f"], group: "Picture", text: "Freeze the camera", does: toggleFreeze },
  { keys: ["e"], group: "Picture", text: "Next picture", does: nextImage },
  { keys: ["w"], group: "Picture", text: "Previous picture", does: previousImage },
  { keys: ["0"], group: "Picture", text: "Crop or stretch pictures", does: crop },
  { keys: ["x"], group: "Picture", text: "Hide parts of the picture", does: () => (ui.hiding.value = !ui.hiding.value) },
  { keys: ["v"], group: "Picture", text: "Blink between two pictures; where nothing may move, swap them", does: pressBlink },
  { keys: ["g"], group: "Picture", text: "A loupe over two pictures", does: toggleLoupe },
  { keys: ["ArrowLeft", "j", "J"], group: "Layers and units", text: "Unit to the left; capital: three", always: true, does: step(-1, 0) },
  { keys: ["ArrowRight", "l", "L"], group: "Layers and units", text: "Unit to the right", always: true, does: step(1, 0) },
  { keys: ["ArrowUp", "i", "I"], group: "Layers and units", text: "Unit above", always: true, does: step(0, -1) },
  { keys: ["ArrowDown", "k", "K"], group: "Layers and units", text: "Unit below", always: true, does: step(0, 1) },
  { keys: ["Home"], group: "Layers and units", text: "First unit", always: true, does: () => moveTo("first") },
  { keys: ["End"], group: "Layers and units", text: "Last unit", always: true, does: () => moveTo("last") },
  { keys: ["PageUp"], group: "Layers and units", text: "A page of units up", always: true, does: () => moveTo("up") },
  { keys: ["PageDown"], group: "Layers and units", text: "A page of units down", always: true, does: () => moveTo("down") },
  { keys: ["u"], group: "Layers and units", text: "Layer before", does: () => moveLayer(-1) },
  { keys: ["o"], group: "Layers and units", text: "Layer after", does: () => moveLayer(1) },
  { keys: ["/"], group: "Layers and units", text: "Search for a layer, unit or class (also Ctrl-K)", does: () => ui.openPalette() },
  { keys: ["z"], group: "Grid", text: "Larger tiles, or all at once", does: () => (ui.zoom.value = ui.zoom.value ? 0 : 160) },
  {
    keys: ["s"],
    group: "Grid",
    text: "Synthesized pictures, or activations",
    does: () => (state.gridOf.value = state.gridOf.value === "synthesized" ? "activations" : "synthesized"),
  },
  { keys: ["t"], group: "Grid", text: "Next gamma", does: nextGamma },
  {
    keys: ["T"],
    group: "Grid",
    text: "Each unit on its own scale, or all on one",
    does: () => (state.scaleOf.value = state.scaleOf.value === "unit" ? "layer" : "unit"),
  },
  { keys: ["+"], group: "Grid", text: "More boost", does: boost(1.25) },
  { keys: ["-"], group: "Grid", text: "Less boost", does: boost(0.8) },
  { keys: ["b", "n"], group: "Tracing back", text: "Off, gradient, guided, deconvnet", does: cycleMode },
  { keys: ["m"], group: "Tracing back", text: "Signed, absolute, grey, color, over the picture", does: cycleStyle },
  { keys: ["d"], group: "Tracing back", text: "Pin the unit that is traced, or trace the selected one", does: togglePin },
  { keys: ["a"], group: "Tracing back", text: "The pinned unit's gradient in the layer on screen, or activations", does: toggleGradients },
  { keys: ["y"], group: "Tracing back", text: "The unit's map over the picture", does: () => (ui.laidOver.value = !ui.laidOver.value) },
  { keys: ["8"], group: "Page", text: "Classes shown or not", does: () => (ui.showClasses.value = !ui.showClasses.value) },
  { keys: ["9"], group: "Page", text: "Panels about the unit shown or not", does: () => (ui.showUnits.value = !ui.showUnits.value) },
  { keys: ["h", "?"], group: "Page", text: "This help", does: () => (ui.helpOpen.value = true) },
  {
    keys: ["Escape"],
    group: "Page",
    text: "Back to the map one came from; else reset how things are shown",
    always: true,
    does: showAsAtFirst,
  },
];

const BY_KEY = new Map(KEYS.flatMap((row) => row.keys.map((key) => [key, row] as const)));
/** What takes letters itself. */
const WRITES = "input:not([type='radio'], [type='checkbox'], [type='range']), textarea, select, [contenteditable], dialog";

/** The row for a key that was pressed, if it is to act. */
export function actingOn(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">, single: boolean): Key | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const row = BY_KEY.get(event.key);
  return row && (single || (row.always && event.key.length > 1)) ? row : null;
}

/** Maps, space and trainings have keys of their own, which their elements take. */
function works(row: Key): boolean {
  if (row.keys[0] === "h" || (shown.value === "Space" && row.group === "Picture")) return true;
  return shown.value === "Toolbox" || shown.value === "Circuit";
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    ui.openPalette();
    return;
  }
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.closest(WRITES) || ui.paletteOpen.value || ui.helpOpen.value) return;
  const inPage = target === document.body || target.getAttribute("role") === "grid";
  if (event.key.length > 1 && event.key !== "Escape" && !inPage) return; // arrows belong to what has the focus
  const row = actingOn(event, state.singleKeys.value);
  if (!row || !works(row)) return;
  event.preventDefault();
  row.does(event.key);
}

export function listen(): void {
  document.addEventListener("keydown", press);
}
