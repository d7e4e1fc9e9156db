/** The page's address, `#/NETWORK/LAYER/CHANNEL?image=…&mode=…`, as what is on screen, and back. */
import type { NetworkInfo } from "../schema";
import * as state from "./state";

/** What an address says. */
export interface Place {
  network: string;
  layer: string;
  channel: number;
  image: string;
  other: string;
  origin: string;
  page: state.PageOf;
  mode: state.Mode;
  style: state.Style;
  scale: state.ScaleOf;
  grid: state.GridOf;
  order: state.Order;
  boost: number;
  gamma: number;
}

const BARE: Place = {
  network: "",
  layer: "",
  channel: 0,
  image: "",
  other: "",
  origin: "",
  page: "toolbox",
  mode: "guided_backprop",
  style: "signed",
  scale: "layer",
  grid: "activations",
  order: "number",
  boost: 1,
  gamma: 1,
};

const ASIDE = ["image", "other", "origin", "page", "mode", "style", "scale", "grid", "order", "boost", "gamma"] as const;

/** The fragment for a place; what is as it begins is left out. */
export function write(place: Place): string {
  const path = [place.network, place.layer, String(place.channel)].map(encodeURIComponent).join("/");
  const rest = new URLSearchParams();
  for (const key of ASIDE) if (place[key] !== BARE[key]) rest.set(key, String(place[key]));
  return `#/${path}${rest.size ? `?${rest}` : ""}`;
}

/** The place a fragment means, or null where it means none; values it may not have are as they begin. */
export function read(hash: string): Place | null {
  const match = /^#\/([^?]*)(?:\?(.*))?$/.exec(hash);
  if (!match) return null;
  const [network = "", layer = "", channel = "0"] = (match[1] ?? "").split("/").map(decoded);
  const rest = new URLSearchParams(match[2] ?? "");
  const text = (key: string) => rest.get(key) ?? "";
  const one = <T extends string>(key: string, all: readonly T[], otherwise: T) => all.find((value) => value === text(key)) ?? otherwise;
  return {
    network,
    layer,
    channel: Math.max(0, Math.trunc(Number(channel)) || 0),
    image: text("image"),
    other: text("other"),
    origin: text("origin"),
    page: one("page", state.PAGES, BARE.page),
    mode: one("mode", state.MODES, BARE.mode),
    style: one("style", state.STYLES, BARE.style),
    scale: one("scale", state.SCALES, BARE.scale),
    grid: one("grid", state.GRIDS, BARE.grid),
    order: one("order", state.ORDERS, BARE.order),
    boost: within(text("boost"), 1, 16),
    gamma: within(text("gamma"), 0.25, 4),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function within(text: string, low: number, high: number): number {
  const value = Number(text || 1);
  return Number.isFinite(value) ? Math.min(Math.max(value, low), high) : 1;
}

/** The nearest layer and channel a network has, and a sentence where they are not those asked for. */
export function nearest(info: NetworkInfo, layer: string, channel: number): { layer: string; channel: number; why: string } {
  const row = info.layers.find((each) => each.name === layer);
  if (!row) {
    const found = alike(info, layer);
    const why = layer && `${info.title} has no layer ${layer}; the nearest is ${found}.`;
    return { layer: found, channel: Math.min(channel, unitsOf(info, found) - 1), why };
  }
  if (channel < row.units) return { layer, channel, why: "" };
  const why = `${layer} has ${row.units} units, so there is no unit ${channel}; this is the last, ${row.units - 1}.`;
  return { layer, channel: row.units - 1, why };
}

/** The layer with the longest common beginning, the shortest of them; or the one to start with. */
function alike(info: NetworkInfo, layer: string): string {
  let best = info.start;
  let most = 0;
  for (const row of info.layers) {
    let same = 0;
    while (same < layer.length && row.name[same] === layer[same]) same += 1;
    if (same > most || (same === most && most && row.name.length < best.length)) [best, most] = [row.name, same];
  }
  return best;
}

function unitsOf(info: NetworkInfo, layer: string): number {
  return info.layers.find((row) => row.name === layer)?.units ?? 1;
}

/** `layer:channel` as its parts. */
export function parseUnit(address: string): state.UnitAt | null {
  const match = /^(.+):(\d+)$/.exec(address);
  return match ? { layer: match[1] ?? "", channel: Number(match[2]) } : null;
}
