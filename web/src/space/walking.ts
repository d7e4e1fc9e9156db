/** Going about by keys: from plane to plane, from cell to cell, and to the toolbox. */

import { goInSpace, spacePlace } from "../store/places/space_place";
import { select } from "../store/selection";
import * as app from "../store/state";
import { cellsOf } from "./drawing/picking";
import * as state from "./state";

/** Goes to the next plane that is shown, or the one before; false where there is none. */
export function walk(step: 1 | -1): boolean {
  const planes = state.space.value?.planes ?? [];
  let number = state.at.value ? state.at.value.plane + step : step > 0 ? 0 : planes.length - 1;
  while (planes[number] && !state.isShown(number)) number += step;
  const plane = planes[number];
  if (!plane) return false;
  goInSpace({ at: plane.layer, channel: -1 });
  app.said.value = told();
  return true;
}

/** Goes so many cells on in the plane one is at. */
export function stepCell(right: number, down: number): void {
  const hit = state.at.value;
  const plane = state.planeOf(hit);
  if (!hit || !plane) return;
  const next = hit.channel < 0 ? 0 : hit.channel + right + down * plane.columns;
  if (next >= 0 && next < cellsOf(plane)) goInSpace({ channel: next });
  app.said.value = told();
}

/** Opens the toolbox at the unit one is at. */
export function openUnit(hit = state.at.value): void {
  const plane = state.planeOf(hit);
  if (!plane || !hit || plane.layer === "input") return;
  select(plane.layer, Math.max(0, hit.channel));
  spacePlace.value = null;
}

export function toggleShown(number: number): void {
  const next = new Set(state.hidden.value);
  if (!next.delete(number)) next.add(number);
  state.hidden.value = next;
}

/** Where one is, in a sentence. */
export function told(hit = state.at.value): string {
  const plane = state.planeOf(hit);
  if (!plane || !hit) return "No layer is chosen.";
  const unit =
    hit.channel >= 0 && plane.layer !== "input" ? `, unit ${hit.channel} of ${plane.shape[0]}${label(plane.layer, hit.channel)}` : "";
  return `${plane.layer}, ${plane.shape.join(" × ")}${unit}`;
}

export function label(layer: string, channel: number): string {
  const name = layer === "logits" ? app.network.value?.labels[channel] : "";
  return name ? ` (${name})` : "";
}
