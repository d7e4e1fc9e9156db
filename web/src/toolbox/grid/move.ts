/** Moving through the grid by keys: from the selected channel to its neighbours on screen. */
import { signal } from "@preact/signals";
import { selectChannel } from "../../store/selection";
import * as state from "../../store/state";
import { order, told } from "../units";
import { type Layout, layout, moved } from "./layout";

/** The grid as it is on screen now, and how many rows a page of it has. */
export const shownGrid = signal<Layout>(layout(0, 1, 24));
export const pageRows = signal(4);

export function moveBy(right: number, down: number): void {
  go(moved(shownGrid.value, order.value.indexOf(state.channel.value), right, down));
}

export function moveTo(where: "first" | "last" | "up" | "down"): void {
  if (where === "first") go(0);
  else if (where === "last") go(order.value.length - 1);
  else moveBy(0, where === "up" ? -pageRows.value : pageRows.value);
}

function go(index: number): void {
  const channel = order.value[index];
  if (channel === undefined) return;
  selectChannel(channel);
  state.said.value = told(channel);
}
