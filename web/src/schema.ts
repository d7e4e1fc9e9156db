// Made from messages.py and calls.py by `python -m convscope.explorer.typescript --write`. Do not edit.

export type State = "queued" | "running" | "done" | "failed" | "cancelled";

/** A layer of a network: `inputs` are the layers of the table whose outputs it reads; `map`: it has places. */
export interface LayerInfo {
  name: string;
  kind: string;
  shape: number[];
  units: number;
  map: boolean;
  inputs: string[];
}

/** A network; `python` is the expression that loads it, `start` the layer to show first. */
export interface NetworkInfo {
  name: string;
  title: string;
  size: [number, number];
  channels: number;
  classifies: boolean;
  labels: string[];
  layers: LayerInfo[];
  start: string;
  python: string;
  digest: string;
}

/** An image at hand; `reference` is what the library can open it by, empty for one that came from the browser. */
export interface ImageInfo {
  id: string;
  name: string;
  width: number;
  height: number;
  reference: string;
}

/** A technique of the catalog: its subjects after the network, and JSON Schemas of its knobs and its picture's. */
export interface TechniqueInfo {
  name: string;
  summary: string;
  subjects: string[];
  knobs: Record<string, Record<string, unknown>>;
  view: Record<string, Record<string, unknown>>;
  resumes: boolean;
}

/** The scan at hand. */
export interface ScanInfo {
  folder: string;
  images: number;
  layers: string[];
}

/** What the server takes. */
export interface Limits {
  body: number;
  pixels: number;
  queue: number;
}

/** Everything the page needs to begin. */
export interface Session {
  version: string;
  network: NetworkInfo;
  networks: string[];
  images: ImageInfo[];
  techniques: TechniqueInfo[];
  scan: ScanInfo | null;
  limits: Limits;
}

/** A rectangle of the picture the network sees. */
export interface Box {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** Which job. */
export interface OfJob {
  id: string;
}

/** Which kept result. Asks for its Answer frame. */
export interface OfResult {
  digest: string;
}

/** Which network; asks for its NetworkInfo. */
export interface OfNetwork {
  network: string;
}

/** Which layer. Asks for what its neurons see: a Fields frame. */
export interface OfLayer {
  network: string;
  layer: string;
}

/** Asks for a layer's maps of an image, pooled to tiles of `side`: a Looked frame. `hidden` boxes become grey.
 * With `traced`, the address of a unit, the maps are that unit's gradient with respect to the layer's output.
 */
export interface Look {
  network: string;
  layer: string;
  image: string;
  side?: number;
  hidden?: Box[];
  reach?: boolean;
  traced?: string;
}

/** A class, its probability and its score. */
export interface ClassScore {
  index: number;
  label: string;
  probability: number;
  score: number;
}

/** Header of a Look: arrays `tiles` (C, h, w) uint8, and `low`, `high`, `mean` (C,) float32.
 * A tile's value is low + tile / 255 · (high - low), its own channel's. `shape` is the layer's for this image;
 * `explained` says, for a layer without maps, why its tiles are single cells. `reach` are the lowest and highest value
 * of all layers together, where it was asked for.
 */
export interface Looked {
  layer: string;
  shape: number[];
  classes: ClassScore[];
  explained: string;
  reach: [number, number] | null;
  python: string;
}

/** Asks for the whole map of one channel: an UnitLooked frame. */
export interface LookUnit {
  network: string;
  layer: string;
  image: string;
  channel: number;
  hidden?: Box[];
}

/** Header of a LookUnit: array `map` (h, w) float32, (1, 1) where the layer has no places. */
export interface UnitLooked {
  unit: string;
  low: number;
  high: number;
  mean: number;
  zeros: number;
  rank: number;
  python: string;
}

/** Header of the windows that the neurons of a layer see: arrays `rows` (h, 2) and `columns` (w, 2) int32. */
export interface Fields {
  layer: string;
  status: "exact" | "upper bound" | "whole input";
}

/** A technique and its subjects by name: `image` and `content` are ids, `style` ids with ; between them, `unit` and
 * `layer` addresses; `scan` is left out.
 */
export interface Ask {
  network: string;
  technique: string;
  subjects?: Record<string, string>;
  knobs?: Record<string, unknown>;
  view?: Record<string, unknown>;
}

/** Header of a result: `spec` is its View; the arrays are the view's. `python` makes it again. */
export interface Answer {
  digest: string;
  technique: string;
  unit: string;
  spec: Record<string, unknown>;
  evidence: Record<string, unknown>;
  python: string;
}

/** A job in the queue; `eta` in seconds, `artifact` the digest its result is kept under, once it is done. */
export interface Job {
  id: string;
  technique: string;
  title: string;
  network: string;
  subjects: Record<string, string>;
  knobs: Record<string, unknown>;
  state: State;
  step: number;
  total: number;
  eta: number | null;
  error: string;
  created: number;
  artifact: string;
  resumable: boolean;
  partial: boolean;
}

/** All jobs, the newest first. */
export interface Jobs {
  jobs: Job[];
}

/** Scan images at hand, by their ids; none means the images the explorer was started with. Answers with a Job. */
export interface AskScan {
  network: string;
  images?: string[];
  layers?: string[];
}

/** Header of a layer's numbers in the scan: arrays `max`, `mean`, `fraction`, `selectivity` (C,) float32. */
export interface Statistics {
  layer: string;
  images: number;
}

/** Which channel. */
export interface OfUnit {
  network: string;
  layer: string;
  channel: number;
}

/** Header of a unit's histogram in the scan: arrays `edges` (n + 1,) float32 and `counts` (n,) float32. */
export interface Histogram {
  unit: string;
  statistics: Record<string, unknown>;
  dead: boolean;
}

/** Asks what the images of the scan are taken for, and for those of one cell by the numbers of its classes. */
export interface AskConfusion {
  network: string;
  true?: number;
  predicted?: number;
}

/** How many images of a class are taken for another: numbers and labels of both. */
export interface ConfusedCell {
  true: number;
  predicted: number;
  label: string;
  taken_for: string;
  images: number;
}

/** The most frequent mistakes first, the shares that are right, and the first images of the cell asked for.
 * `unmatched` are classes of the images that the network does not have; their images count for nothing here.
 */
export interface Confused {
  images: number;
  top1: number;
  top5: number;
  unmatched: string[];
  cells: ConfusedCell[];
  shown: ImageInfo[];
}

/** Asks for those synthesized pictures of a layer's channels that are there already: a Gallery frame. */
export interface AskGallery {
  network: string;
  layer: string;
  knobs?: Record<string, unknown>;
}

/** Header of a gallery: arrays `pictures` (n, s, s, 3) uint8 and `channels` (n,) int32. */
export interface Gallery {
  layer: string;
  units: number;
}

/** What the socket says of a job; `preview` is a data URL of a picture so far, where there is a new one. */
export interface JobEvent {
  kind: "job";
  job: Job;
  preview: string;
}

/** A scan is at hand now. */
export interface ScanEvent {
  kind: "scan";
  scan: ScanInfo;
}

/** Why something was refused: `kind` is the error's name, such as BadKnob. */
export interface Problem {
  error: string;
  kind: string;
}

/** Calls that answer with JSON: what each is asked with, null where it is a GET, and its answer. */
export interface Plain {
  session: [null, Session];
  jobs: [null, Jobs];
  network: [OfNetwork, NetworkInfo];
  submit: [Ask, Job];
  scan: [AskScan, Job];
  cancel: [OfJob, Job];
  resume: [OfJob, Job];
  forget: [OfJob, Jobs];
  confusion: [AskConfusion, Confused];
}

/** Calls that answer with a frame: what each is asked with, null where it is a GET, and the frame's header. */
export interface Framed {
  look: [Look, Looked];
  unit: [LookUnit, UnitLooked];
  fields: [OfLayer, Fields];
  ask: [Ask, Answer];
  artifact: [OfResult, Answer];
  statistics: [OfLayer, Statistics];
  histogram: [OfUnit, Histogram];
  gallery: [AskGallery, Gallery];
}
