/** What is on screen of a network in space: its planes, their tiles, what is hidden, and where one is. */
import { computed, signal } from "@preact/signals";
import type { Arr, Frame } from "../hosts/host";
import type { ClassScore, NeuronTerms, PlaneInfo, PlaneTiles, Space } from "../schema";
import { spacePlace } from "../store/places/space_place";
import { network } from "../store/state";
import { type Scale, suited } from "../views/colors";
import type { Strand } from "./drawing/curves";
import { cellsOf, type Hit } from "./drawing/picking";

/** The tiles of a plane, of which image; a byte a pixel. */
export interface Tiles {
  told: PlaneTiles;
  pixels: Uint8Array;
  image: string;
}

export const space = signal<Space | null>(null);
export const trouble = signal("");
/** Tiles by the number of their plane: a new map each time something came. */
export const tiles = signal<ReadonlyMap<number, Tiles>>(new Map());
/** The image whose tiles were asked for last and are there. */
export const tilesOf = signal("");
export const classes = signal<readonly ClassScore[]>([]);
/** Numbers of planes that the reader has hidden. */
export const hidden = signal<ReadonlySet<number>>(new Set());
/** Numbers of the planes in sight, which are asked for first. */
export const inSight = signal<readonly number[]>([]);
export const hovered = signal<Hit | null>(null);
/** The numbers behind the unit one points at, or is at. */
export const neuron = signal<Frame<NeuronTerms> | null>(null);
export const neuronTrouble = signal("");
/** Whether space cannot be drawn here. */
export const noWebGL = signal(false);
/** Images a second whose tiles were shown. */
export const rate = signal(0);

/** The plane one is at, and the channel in it, -1 for none. */
export const at = computed<Hit | null>(() => {
  const place = spacePlace.value;
  const plane = space.value?.planes.findIndex((row) => row.layer === place?.at || (place?.at && row.joined.includes(place.at))) ?? -1;
  return place && plane >= 0 ? { plane, channel: place.channel } : null;
});

/** What the card is about: the cell under the pointer, else the one that one is at. */
export const about = computed<Hit | null>(() => hovered.value ?? at.value);

export function planeOf(hit: Hit | null): PlaneInfo | null {
  return (hit && space.value?.planes[hit.plane]) || null;
}

export function isShown(plane: number): boolean {
  return !hidden.value.has(plane);
}

/** The number of the plane that stands for a layer, -1 for none. */
export function planeNumber(layer: string): number {
  return space.value?.planes.findIndex((plane) => plane.joined.includes(layer)) ?? -1;
}

export function scaleOf(found: Tiles): Scale {
  return suited(found.told.low, found.told.high);
}

/** The tile of a channel, a byte a pixel. */
export function tileOf(found: Tiles, channel: number): Arr {
  const { width, height, columns } = found.told;
  const data = new Uint8Array(width * height);
  const [left, top] = [(channel % columns) * width, Math.floor(channel / columns) * height];
  for (let y = 0; y < height; y += 1) {
    const first = (top + y) * columns * width + left;
    data.set(found.pixels.subarray(first, first + width), y * width);
  }
  return { data, shape: [height, width] };
}

/** The edges of the unit the card is about, between planes that are shown. */
export const strands = computed<readonly Strand[]>(() => {
  const hit = about.value;
  const found = neuron.value?.header;
  if (!hit || hit.channel < 0 || !found || !found.unit.startsWith(`${planeOf(hit)?.layer}:${hit.channel}`)) return [];
  const most = Math.max(...found.edges.map((edge) => Math.abs(edge.value)), 1e-12);
  return found.edges.flatMap((edge) => {
    const plane = planeNumber(edge.layer);
    const from = { plane, channel: cellOf(plane, edge.layer, edge.channel) };
    return plane >= 0 && isShown(plane) ? [{ from, to: hit, share: edge.value / most }] : [];
  });
});

/** The cell of a plane that a channel of one of its layers is in: flattened maps have more channels than there are cells. */
function cellOf(plane: number, layer: string, channel: number): number {
  const shown = planeOf({ plane, channel: 0 });
  const units = network.value?.layers.find((row) => row.name === layer)?.units ?? 1;
  return shown ? Math.floor((channel * cellsOf(shown)) / units) : 0;
}
