/** Where in which map the page is, `#/map/DIGEST?color=…&view=…`, and back; no place at all while the toolbox is on screen. */
import { signal } from "@preact/signals";

export const LAYOUTS = ["map", "grid"] as const;

export interface MapPlace {
  /** Of the map's result; empty for the newest map there is. */
  digest: string;
  /** What colors the marks: class, prediction, error, split, `unit LAYER:CHANNEL`, or none. */
  color: string;
  /** `x,y,zoom`; empty for the whole map. */
  view: string;
  layout: (typeof LAYOUTS)[number];
  /** Which of the maps, from 0, and what lies between two of them; -1 for the last. */
  snapshot: number;
  /** The number of the image one is at, -1 for none. */
  at: number;
}

export const BARE: MapPlace = { digest: "", color: "class", view: "", layout: "map", snapshot: -1, at: -1 };
/** Going Back undoes a change of these. */
export const STEPS = ["digest", "color", "layout", "snapshot", "at"] as const;
const ASIDE = ["color", "view", "layout", "snapshot", "at"] as const;

export const mapPlace = signal<MapPlace | null>(null);
/** The place one went from to the toolbox, for the way back. */
export const mapLeft = signal<MapPlace | null>(null);
/** The Python of the map on screen. */
export const mapPython = signal("");

/** Shows the map page, there where it was left, or as said. */
export function openMap(place: Partial<MapPlace> = mapLeft.value ?? {}): void {
  mapPlace.value = { ...BARE, ...place };
}

/** Shows the toolbox. */
export function leaveMap(): void {
  mapLeft.value = mapPlace.value;
  mapPlace.value = null;
}

/** Changes where one is, on the map page. */
export function move(change: Partial<MapPlace>): void {
  const here = mapPlace.peek();
  if (here) mapPlace.value = { ...here, ...change };
}

export function writeMap(place: MapPlace): string {
  const rest = new URLSearchParams();
  for (const key of ASIDE) if (place[key] !== BARE[key]) rest.set(key, String(place[key]));
  return `#/map/${place.digest}${rest.size ? `?${rest}` : ""}`;
}

/** The place a fragment means, or null where it means none; values it may not have are as they begin. */
export function readMap(hash: string): MapPlace | null {
  const match = /^#\/map\/([0-9a-f]*)(?:\?(.*))?$/.exec(hash);
  if (!match) return null;
  const rest = new URLSearchParams(match[2] ?? "");
  return {
    digest: match[1] ?? "",
    color: rest.get("color") ?? BARE.color,
    view: rest.get("view") ?? BARE.view,
    layout: LAYOUTS.find((name) => name === rest.get("layout")) ?? BARE.layout,
    snapshot: number(rest.get("snapshot")),
    at: Math.trunc(number(rest.get("at"))),
  };
}

function number(text: string | null): number {
  const value = text === null ? -1 : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : -1;
}
