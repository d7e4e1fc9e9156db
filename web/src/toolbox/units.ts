/** The channels of the layer on screen in the order of the grid, their numbers, and how they are told. */
import { computed } from "@preact/signals";
import type { Arr, Frame } from "../hosts/host";
import type { Looked, NetworkInfo } from "../schema";
import { byChange, change, signed } from "../store/changes";
import * as state from "../store/state";
import { type Scale, suited, written } from "../views/colors";

/** The arrays of a grid; null while there are none of the layer on screen. */
export interface Maps {
  header: Looked;
  tiles: Arr;
  low: Arr;
  high: Arr;
  mean: Arr;
  width: number;
  height: number;
}

export function mapsOf(frame: Frame<Looked> | null, layer: string): Maps | null {
  if (!frame || frame.header.layer !== layer) return null;
  const { tiles, low, high, mean } = frame.arrays;
  if (!tiles || !low || !high || !mean) return null;
  return { header: frame.header, tiles, low, high, mean, height: tiles.shape[1] ?? 1, width: tiles.shape[2] ?? 1 };
}

export const maps = computed(() => mapsOf(state.looked.value, state.layer.value));
export const mapsOther = computed(() => (state.other.value ? mapsOf(state.lookedOther.value, state.layer.value) : null));

/** Whether the grid shows maps, not pictures. */
export const mapped = computed(() => state.gridOf.value === "activations" || state.gridOf.value === "gradients");

/** Channels in the order they are shown. */
export const order = computed<Int32Array>(() => {
  const count = state.layerInfo.value?.units ?? 0;
  const channels = Int32Array.from({ length: count }, (_, i) => i);
  const by = state.order.value;
  if (by === "change" && change.value?.difference.length === count) return byChange(change.value);
  if (by === "name") return channels.sort((a, b) => nameOf(a).localeCompare(nameOf(b)) || a - b);
  const keys = by === "activation" ? maps.value?.high : by === "selectivity" ? state.statistics.value?.arrays.selectivity : null;
  if (!keys || keys.data.length !== count) return channels;
  return channels.sort((a, b) => (keys.data[b] ?? 0) - (keys.data[a] ?? 0) || a - b);
});

/** What a channel is called: a class by its label, any other by nothing. */
export function nameOf(channel: number, info: NetworkInfo | null = state.network.value, layer = state.layer.value): string {
  return layer === "logits" || layer === "probs" ? (info?.labels[channel] ?? "") : "";
}

/** How many channels have a higher maximum, plus one. */
export function rankOf(channel: number, found: Maps): number {
  const own = found.high.data[channel] ?? 0;
  let above = 0;
  for (const value of found.high.data) if (value > own) above += 1;
  return above + 1;
}

/** The scale the grid shows a channel on; for a scale of each unit's own it is a different one each time. */
export function scaleFor(channel: number): Scale {
  const shown = [maps.value, mapsOther.value].filter((each) => each !== null);
  const reaches = shown.map((each): readonly [number, number] => {
    if (state.scaleOf.value === "unit") return [each.low.data[channel] ?? 0, each.high.data[channel] ?? 0];
    if (state.scaleOf.value === "network" && each.header.reach) return each.header.reach as [number, number];
    return [least(each.low), most(each.high)];
  });
  return suited(Math.min(...reaches.map(([low]) => low)), Math.max(...reaches.map(([, high]) => high)));
}

/** The scale of the whole grid, or of the selected channel where each has its own. */
export const scale = computed(() => scaleFor(state.channel.value));

function least(values: Arr): number {
  let low = Infinity;
  for (const value of values.data) if (value < low) low = value;
  return Number.isFinite(low) ? low : 0;
}

function most(values: Arr): number {
  let high = -Infinity;
  for (const value of values.data) if (value > high) high = value;
  return Number.isFinite(high) ? high : 0;
}

/** A channel in a sentence: "blocks.2 unit 137 of 192, max 4.2, rank 3". */
export function told(channel: number): string {
  const info = state.layerInfo.value;
  const found = maps.value;
  if (!info) return "";
  const name = nameOf(channel);
  const what = `${info.name} unit ${channel} of ${info.units}${name && `, ${name}`}`;
  if (!found) return what;
  return `${what}, max ${written(found.high.data[channel] ?? NaN)}, rank ${rankOf(channel, found)}${moved(channel)}`;
}

/** How far a channel moves from this picture to the other, where there are two. */
function moved(channel: number): string {
  const found = change.value;
  const by = found?.difference[channel];
  if (!found || by === undefined) return "";
  if (Number.isNaN(by)) return ", change without a measure: it is dead or constant";
  const noise = found.control ? `, noise ±${written(found.control[channel] ?? 0)}` : "";
  return `, change ${signed(by, written)} ${found.unit === "spreads" ? "spreads" : ""}`.trimEnd() + noise;
}
