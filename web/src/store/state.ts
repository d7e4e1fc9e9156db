/** What is on screen. Views read these signals and change them through the functions beside this file. */
import { computed, signal } from "@preact/signals";
import type { Connection, Frame, Host } from "../hosts/host";
import type {
  Answer,
  Fields,
  Gallery,
  ImageInfo,
  Job,
  LayerInfo,
  Looked,
  NetworkInfo,
  ScanInfo,
  Session,
  Statistics,
  UnitLooked,
} from "../schema";

/** How a unit is traced back to pixels. */
export const MODES = ["off", "saliency", "guided_backprop", "deconvnet"] as const;
export type Mode = (typeof MODES)[number];
/** How signed values are shown. */
export const STYLES = ["signed", "absolute", "grey", "color", "over"] as const;
export type Style = (typeof STYLES)[number];
/** Whose lowest and highest value end the color scale of the grid. */
export const SCALES = ["unit", "layer", "network"] as const;
export type ScaleOf = (typeof SCALES)[number];
export const GRIDS = ["activations", "gradients", "patches", "synthesized"] as const;
export type GridOf = (typeof GRIDS)[number];
export const ORDERS = ["number", "activation", "name", "selectivity", "change"] as const;
export type Order = (typeof ORDERS)[number];
/** What fills the window: the toolbox, or the circuit of the selected unit. */
export const PAGES = ["toolbox", "circuit"] as const;
export type PageOf = (typeof PAGES)[number];
export type Theme = "auto" | "light" | "dark";
/** A layer and one of its channels. */
export interface UnitAt {
  layer: string;
  channel: number;
}

export const host = signal<Host | null>(null);
export const connection = signal<Connection>("connecting");
export const session = signal<Session | null>(null);
export const network = signal<NetworkInfo | null>(null);
export const scan = signal<ScanInfo | null>(null);
export const images = signal<ImageInfo[]>([]);
/** Of the image on screen, and of the one beside it, if any. */
export const image = signal("");
export const other = signal("");
export const page = signal<PageOf>("toolbox");
export const layer = signal("");
export const channel = signal(0);
/** The unit whose traces are shown while others are browsed. */
export const origin = signal<UnitAt | null>(null);
export const mode = signal<Mode>("guided_backprop");
export const style = signal<Style>("signed");
export const scaleOf = signal<ScaleOf>("layer");
export const gridOf = signal<GridOf>("activations");
export const order = signal<Order>("number");
export const boost = signal(1);
export const gamma = signal(1);
export const theme = signal<Theme>("auto");
export const singleKeys = signal(true);
export const frozen = signal(false);
/** Whether the camera is on. */
export const live = signal(false);
/** Parts of the picture that are hidden from the network. */
export const hidden = signal<{ top: number; left: number; bottom: number; right: number }[]>([]);
/** The neuron under the pointer, in the map of the layer. */
export const neuron = signal<{ y: number; x: number } | null>(null);

/** The grid as it was answered, of this image and of the other; and the chosen unit's whole map. */
export const looked = signal<Frame<Looked> | null>(null);
/** The image `looked` is of: an answer may lag behind a camera. */
export const lookedOf = signal("");
export const lookedOther = signal<Frame<Looked> | null>(null);
export const unitLooked = signal<Frame<UnitLooked> | null>(null);
export const unitLookedOther = signal<Frame<UnitLooked> | null>(null);
/** The unit traced back to the picture, or why it could not be. */
export const trace = signal<Frame<Answer> | null>(null);
export const traceProblem = signal("");
/** What the neurons of the layer see; its numbers in the scan; its synthesized pictures. */
export const fields = signal<Frame<Fields> | null>(null);
export const statistics = signal<Frame<Statistics> | null>(null);
export const gallery = signal<Frame<Gallery> | null>(null);

export const jobs = signal<Job[]>([]);
/** The newest preview of each running job, as a data URL. */
export const previews = signal<Record<string, string>>({});
/** The Python of the circuit on screen. */
export const circuitPython = signal("");
/** A sentence for the reader, and for screen readers. */
export const said = signal("");
export const problem = signal("");

export const layerInfo = computed<LayerInfo | null>(() => network.value?.layers.find((row) => row.name === layer.value) ?? null);
export const unit = computed(() => `${layer.value}:${channel.value}`);
/** The address a technique is asked for: class scores have names of their own. */
export const traced = computed(() => (origin.value ? `${origin.value.layer}:${origin.value.channel}` : unit.value));
/** The knobs that synthesized pictures are made with, and looked for. */
export const recipe = signal<Record<string, number | string | boolean>>({});
/** The best crop of each channel in the scan, as a gallery is: what the grid shows of `patches`. */
export const crops = signal<Frame<Gallery> | null>(null);

/** The kind of a technique's result, such as Adversarial. */
export function resultOf(technique: string): string {
  return session.value?.techniques.find((row) => row.name === technique)?.result ?? "";
}
