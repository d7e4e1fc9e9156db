/** Going about in a map: to a mark, in a direction, nearer, and from a mark to the toolbox. */
import { batch } from "@preact/signals";
import { leaveMap, move } from "../store/places/map_place";
import { readyHost, report } from "../store/requests";
import { openNetwork } from "../store/selection";
import * as app from "../store/state";
import { type Size, showing, WHOLE, zoomed } from "./drawing/camera";
import { type Direction, nearest, towards } from "./drawing/nearest";
import { tell } from "./ids";
import * as state from "./state";

/** What the stage keeps up to date for whoever goes about: its size, and where the marks lie now. */
export const stage: { size: Size; places: Float32Array } = { size: { width: 1, height: 1 }, places: new Float32Array() };

/** Goes to a mark: it is brought in sight, and said. */
export function goTo(mark: number): void {
  if (mark < 0 || mark >= state.count.value) return;
  batch(() => {
    state.camera.value = showing(state.camera.value, stage.size, { x: stage.places[2 * mark]!, y: stage.places[2 * mark + 1]! });
    state.hovered.value = -1;
    move({ at: mark });
  });
  tell(mark).then((words) => {
    if (state.at.value === mark) app.said.value = words;
  }, report);
}

/** To the nearest mark in a direction; at first to the one in the middle of the screen. */
export function step(way: Direction): void {
  const from = state.at.value;
  const next = from < 0 ? nearest(stage.places, state.camera.value, Infinity) : towards(stage.places, from, way);
  if (next >= 0) goTo(next);
  else app.said.value = `There is nothing further ${way}.`;
}

export function zoom(factor: number): void {
  const { width, height } = stage.size;
  const mark = state.at.value;
  const middle = { x: width / 2, y: height / 2 };
  const next = zoomed(state.camera.value, stage.size, factor, middle);
  state.camera.value = mark < 0 ? next : showing(next, stage.size, { x: stage.places[2 * mark]!, y: stage.places[2 * mark + 1]! });
}

export function whole(): void {
  state.camera.value = WHOLE;
}

export function turnSelected(mark: number): void {
  if (mark < 0) return;
  state.select([mark], "one by one", "turned");
  app.said.value = `${state.selection.value[mark] ? "Selected" : "No longer selected"}; ${state.selected.value.length} are.`;
}

/** Shows a mark's image in the toolbox, at the layer of the map. */
export async function openInToolbox(mark: number): Promise<void> {
  const header = state.header.value;
  if (!header || mark < 0) return;
  try {
    const info = await readyHost().call("map_image", { digest: header.digest, number: mark });
    if (header.offered) await openNetwork(header.offered, header.layer);
    batch(() => {
      if (!app.images.value.some((row) => row.id === info.id)) app.images.value = [info, ...app.images.value];
      app.image.value = info.id;
      if (app.network.value?.layers.some((row) => row.name === header.layer)) app.layer.value = header.layer;
      leaveMap();
      app.said.value = `${info.name} in the toolbox. Escape goes back to the map.`;
    });
  } catch (error) {
    report(error);
  }
}
