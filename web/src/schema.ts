// Made from messages and calls by `python -m convscope.explorer.typescript --write`. Do not edit.

export type State = "queued" | "running" | "done" | "failed" | "cancelled";

export type Coloring = "prediction" | "error" | "split" | "unit";

export type LoopState = "running" | "paused" | "ended" | "silent";

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

/** A technique of the catalog: its subjects after the network, and JSON Schemas of its knobs and its picture's.
 * `result` is the kind of its result, such as Adversarial.
 */
export interface TechniqueInfo {
  name: string;
  summary: string;
  subjects: string[];
  knobs: Record<string, Record<string, unknown>>;
  view: Record<string, Record<string, unknown>>;
  resumes: boolean;
  result: string;
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

/** Everything the page needs to begin: no network, where it is for the `runs` of training alone. */
export interface Session {
  version: string;
  network: NetworkInfo | null;
  networks: string[];
  images: ImageInfo[];
  techniques: TechniqueInfo[];
  scan: ScanInfo | null;
  limits: Limits;
  runs: number;
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

/** Which kept result. Asks for its Answer, ResultSummary or UnitChanges, or to have the picture it made at hand. */
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

/** What a kept result says in words and numbers: all but its arrays. */
export interface ResultSummary {
  summary: Record<string, unknown>;
}

/** Header of a kept result of flipped_units: arrays `difference` and `control` (units,) float32.
 * All units of the `layers` stand side by side, with `edges` (n + 1,) int32 between these. Differences are in spreads
 * over `reference`, and `control` is their root mean square over `draws` of noise; NaN for units without a measure.
 */
export interface UnitChanges {
  layers: string[];
  reference: string;
  draws: number;
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

/** A map that is at hand, by its `digest`; `technique` is embed or evolution. */
export interface MapInfo {
  digest: string;
  technique: string;
  title: string;
  network: string;
  layer: string;
}

/** Maps at hand: those given to the explorer, then those of jobs that are done, the newest first. */
export interface Maps {
  maps: MapInfo[];
}

/** Which map, by the digest of a kept result of embed or evolution; asks for its MapHeader frame. */
export interface OfMap {
  digest: string;
}

/** What points can be colored by: `refused` says in one sentence why not, and what to do; empty where they can.
 * `layers` are those whose units can be asked for, of `unit` alone.
 */
export interface ColoringInfo {
  by: "class" | "prediction" | "error" | "split" | "unit";
  refused: string;
  layers: string[];
}

/** The thumbnails: on page p the images of slots p · cells² to (p + 1) · cells² - 1, the same for every size.
 * A page is a square of `cells` × `cells` thumbnails, row by row; `sizes` are the pixels of one, 64 at most, so a page
 * has at most 2048 × 2048 pixels. `digest` is that of images and slots together: ask for pages with it, and keep pages
 * under it. `refused` says why there are none; empty where there are.
 */
export interface AtlasInfo {
  digest: string;
  pages: number;
  cells: number;
  sizes: number[];
  refused: string;
}

/** Header of a map of n images in t networks: `snapshots` are their names, first to last, one for embed.
 * Arrays: `points` (t, n, dims) float32; `classes` (n,) int32, numbers in the header's `classes`, -1 without; `order`
 * (n,) int32, the numbers of the images in the order they are to be drawn; `slots` (n,) int32, the place of each image
 * in the atlases; and of an evolution `displacement` (t - 1, n) float32, how far each image moves to the next map, in
 * radii, once turning, scaling and shifting are taken off: what is less than twice `control.null_motion` is chance.
 * `order` is nested: its first `levels[l]` are one image in each of those cells that hold any, where a square from the
 * least x and y of the last map, as wide as it or as high, is cut into 2**l × 2**l cells; so zooming in only adds.
 * `slots` follow it: the images of coarse levels are on the first pages, and on each page images that are near one
 * another. `offered` is the name under which this session has the network of the map, empty where it has not; `metric`
 * is that of the codes.
 */
export interface MapHeader {
  digest: string;
  technique: string;
  network: string;
  offered: string;
  layer: string;
  method: string;
  metric: string;
  images: number;
  dims: number;
  snapshots: string[];
  classes: string[];
  levels: number[];
  quality: Record<string, number | null>;
  control: Record<string, unknown>;
  evidence: Record<string, unknown>;
  python: string;
  colorings: ColoringInfo[];
  atlas: AtlasInfo;
}

/** Header of the grid: array `cells` (n, 2) int32, row and column of each image, every cell once.
 * Near its point of the snapshot that was asked for. For 100,000 images it takes ten seconds once; then it is kept.
 */
export interface MapGrid {
  rows: number;
  columns: number;
}

/** Asks for the grid of a map in two dimensions: a MapGrid frame. `snapshot` is a number, -1 the last. */
export interface AskMapGrid {
  digest: string;
  snapshot?: number;
}

/** Asks who some points are: their ids and classes, by their numbers. Answers with MapIds. */
export interface AskMapIds {
  digest: string;
  numbers: number[];
}

/** The ids of the images and the names of their classes, empty without, in the order of the numbers asked for. */
export interface MapIds {
  ids: string[];
  classes: string[];
}

/** Asks which images have a text in their id or class, whatever its case: a MapFound frame. */
export interface AskMapSearch {
  digest: string;
  text: string;
  limit?: number;
}

/** Header of what was found: array `numbers` (m,) int32, at most `limit` of `count`: first whole ids and classes. */
export interface MapFound {
  count: number;
}

/** Asks for the colors of points: a MapColors frame. `layer` and `channel` are of `unit` alone. */
export interface AskMapColors {
  digest: string;
  by: Coloring;
  layer?: string;
  channel?: number;
}

/** Header of colors: array `codes` (n,) int32, numbers in `names`, -1 where unknown; or of a unit `values` (n,)
 * float32, NaN where unknown, from `low` to `high`. `about` says where they come from, `unknown` how many are.
 */
export interface MapColors {
  by: Coloring;
  names: string[];
  low: number | null;
  high: number | null;
  unknown: number;
  about: string;
}

/** Asks for a page of thumbnails: a MapAtlas frame. `atlas` is the digest the map's header has for them.
 * The first time its 1,024 images are decoded; then all sizes are kept. Ask for few pages at once, the coarsest first:
 * each request holds one of the server's eight threads.
 */
export interface AskMapAtlas {
  digest: string;
  atlas: string;
  size: 16 | 32 | 64;
  page: number;
}

/** Header of a page: array `webp` (bytes,) uint8, a WebP picture; `missing` are slots whose image cannot be read. */
export interface MapAtlas {
  page: number;
  size: number;
  missing: number[];
}

/** Which image of a map. Asks to have it at hand, as an upload would be: its ImageInfo, `name` its id. */
export interface OfMapImage {
  digest: string;
  number: number;
}

/** Asks for an image to show large, its longest side at most `side` pixels: a MapPicture frame. */
export interface AskMapPicture {
  digest: string;
  number: number;
  side?: 128 | 256 | 512 | 1024;
}

/** Header of an image of a map: array `webp` (bytes,) uint8; `width` and `height` are the image's own. */
export interface MapPicture {
  number: number;
  id: string;
  label: string;
  width: number;
  height: number;
}

/** Asks which images are near one: MapNeighbors. `snapshot` is the map to look at, -1 the last. */
export interface AskMapNeighbors {
  digest: string;
  number: number;
  count?: number;
  snapshot?: number;
}

/** An image near another: how far on the map, and in the layer, None where codes are not at hand. */
export interface MapNeighbor {
  number: number;
  id: string;
  label: string;
  on_map: number;
  in_layer: number | null;
}

/** The nearest on the map and in the layer, nearest first. `metric` is that of the layer; `shared` are in both.
 * `refused` says why there are none in the layer; empty where there are.
 */
export interface MapNeighbors {
  number: number;
  id: string;
  label: string;
  metric: string;
  on_map: MapNeighbor[];
  in_layer: MapNeighbor[];
  shared: number;
  refused: string;
}

/** Asks for a text that stands for some images of a map: MapSelection. A technique's subject may be that text. */
export interface AskMapSelection {
  digest: string;
  numbers: number[];
}

/** A selection of images, kept: `selection` is the text that a technique's subject is asked with.
 * `source` is what its images are asked for with, empty where they are those that are looked at anyway.
 */
export interface MapSelection {
  selection: string;
  source: string;
  images: number;
}

/** Asks where the layers lie: those that only pass on in the plane of another, or each in its own with `every`. */
export interface AskSpace {
  network: string;
  every?: boolean;
}

/** A layer in space: its middle and size, and how its tiles are arranged.
 * `joined` are all layers of the plane, which shows the values of `layer`.
 */
export interface PlaneInfo {
  layer: string;
  kind: string;
  joined: string[];
  shape: number[];
  level: number;
  lane: number;
  along: number;
  across: number;
  width: number;
  height: number;
  columns: number;
  rows: number;
}

/** From a plane to one that reads it, both by number; `points` are along, across and up, in space. */
export interface WireInfo {
  source: number;
  target: number;
  skips: boolean;
  points: [number, number, number][];
}

/** A network in space; `told` says where it is not the executed graph. */
export interface Space {
  network: string;
  planes: PlaneInfo[];
  wires: WireInfo[];
  told: string;
}

/** Asks for the maps of some layers for an image, by one forward: a SpaceTiles frame.
 * No tile is longer than `side`, and no plane than `most` pixels.
 */
export interface AskSpaceTiles {
  network: string;
  layers: string[];
  image: string;
  side?: number;
  most?: number;
  hidden?: Box[];
}

/** The tiles of a layer, `width` × `height` pixels each and `columns` × `rows` of them, row by row as one picture.
 * It begins at byte `start`. Byte 0 is `low` and 255 `high`, the same for all its channels; unused cells are 0.
 */
export interface PlaneTiles {
  layer: string;
  start: number;
  width: number;
  height: number;
  columns: number;
  rows: number;
  low: number;
  high: number;
}

/** Header of tiles: array `pixels` (n,) uint8, all planes behind one another. */
export interface SpaceTiles {
  image: string;
  planes: PlaneTiles[];
  classes: ClassScore[];
}

/** Asks for the numbers behind a neuron, a NeuronTerms frame: without a `place` (y, x), its channel's strongest. */
export interface AskNeuron {
  network: string;
  layer: string;
  image: string;
  channel: number;
  place?: [number, number] | null;
  top?: number;
}

/** What a channel gives to a neuron: the sum of `count` products of weight and input. */
export interface Edge {
  layer: string;
  channel: number;
  value: number;
  count: number;
}

/** Header of a neuron: its strongest `edges`, and arrays `weights`, `inputs` and `products` (n, h, w) float32.
 * They hold the numbers of each edge, NaN where there is none. All products, those of the `others` channels together
 * being `rest`, with `bias` and `remainder`, add up to `total`, of which `function` makes `activation`. `box` is what
 * the neuron sees of the picture.
 */
export interface NeuronTerms {
  unit: string;
  label: string;
  edges: Edge[];
  rest: number;
  others: number;
  bias: number;
  remainder: number;
  total: number;
  function: string;
  activation: number;
  box: Box;
  python: string;
}

/** A recorded training at hand; `folder` is where its record lies. */
export interface RunInfo {
  name: string;
  folder: string;
}

/** The runs at hand, in the order in which they were given. */
export interface Runs {
  runs: RunInfo[];
}

/** Which run. */
export interface OfRun {
  run: number;
}

/** A parameter group: its optimizer, how many weights, and its settings, null for one that it does not have. */
export interface GroupSettings {
  optimizer: string;
  weights: number;
  learning_rate: number | null;
  momentum: number | null;
  weight_decay: number | null;
}

/** How the loop stands. `silent`: it says nothing, and `said` why that may be.
 * `age` is how long ago it last said something, in seconds; `refusal` why it takes no commands, and `untested` why it
 * is shown no new pictures, empty where it does. `forward` and `backward` are milliseconds of one step, `batch` images
 * a step, `share` what being watched costs of the loop's time, all null where it is not measured yet.
 */
export interface RunLoop {
  state: LoopState;
  said: string;
  age: number | null;
  refusal: string;
  untested: string;
  groups: GroupSettings[];
  forward: number | null;
  backward: number | null;
  batch: number | null;
  share: number | null;
}

/** Something that happened: at which step it began, and at which it was noticed, of a layer or of all. */
export interface RunEvent {
  step: number;
  noticed: number;
  layer: string;
  what: string;
  why: string;
}

/** A layer: its module's kind, and the shape of its weights, empty without. */
export interface RunLayer {
  name: string;
  kind: string;
  weights: number[];
}

/** Asks for a RunCurves frame: of the steps after `since`, -1 for all, and of the looks after `looked`.
 * `session` is the one the page knows; where another has begun, everything is sent again.
 */
export interface AskCurves {
  run: number;
  since?: number;
  looked?: number;
  session?: number;
}

/** Header of how a training went: arrays `steps` (n,) int32, `time` (n,) float32, seconds since its first step, and
 * `metric0`, `metric1`, … (n,) float32, those of `metrics`, NaN where there is none.
 * `looks` (k,) int32 are steps that were looked at, with `update_ratio`, `gradient_norm` and `dead`, the share of dead
 * channels, (k, layers) float32. `snapshots` are steps whose maps and weights are kept; `probe_steps` (p,) int32 those
 * of the probe's answers, with `probe_loss` and `probe_accuracy` (p,) float32, where its classes are known. Steps are
 * thinned to at most 20,000: each point is then the mean of `every`.
 * `whole`: everything is sent, not only what is new.
 */
export interface RunCurves {
  session: number;
  module: string;
  whole: boolean;
  every: number;
  metrics: string[];
  layers: RunLayer[];
  snapshots: number[];
  events: RunEvent[];
  step: number;
  loop: RunLoop;
}

/** Asks for a RunLook frame: of the kept snapshot nearest to a step, or of what there is now, with -1. */
export interface AskRunLook {
  run: number;
  step?: number;
}

/** Tiles of one kind of one layer, in the array of the number `array`: (n, h, w) or, in color, (n, 3, h, w) uint8.
 * A byte's value is low + byte / 255 · (high - low). `least` and `most` are those of all that is shown, `rows` how
 * many tiles stand in a row, 0 for any number; `shape` is what is shown of the whole.
 */
export interface RunTiles {
  kind: "maps" | "map_gradients" | "weights" | "weight_gradients";
  layer: string;
  array: number;
  low: number;
  high: number;
  least: number;
  most: number;
  color: boolean;
  rows: number;
  shape: number[];
}

/** A class that a picture is taken for, and its probability. */
export interface Guess {
  label: string;
  index: number;
  probability: number;
}

/** What a picture is taken for, best first; `label` and `index` are its own, empty and -1 where unknown. */
export interface Guessed {
  label: string;
  index: number;
  guesses: Guess[];
}

/** Header of what a network looked like at a step: `tiles` of its layers, and what it took the probe for.
 * Array `pictures` (n, h, w, 3) uint8: those, stretched to the range of all of them. `live`: it is that of a loop that
 * runs, kept nowhere else. `why` says what there is not.
 */
export interface RunLook {
  step: number;
  live: boolean;
  tiles: RunTiles[];
  guessed: Guessed[];
  gradient_of: string;
  why: string;
}

/** Asks a loop to pause, to resume, to take some steps and pause again, or to set a number of a group, null: all. */
export interface AskCommand {
  run: number;
  does: "pause" | "resume" | "step" | "set";
  steps?: number;
  group?: number | null;
  name?: "learning_rate" | "momentum" | "weight_decay" | null;
  value?: number | null;
}

/** What became of a command, in a sentence. */
export interface CommandTold {
  told: string;
}

/** Asks what the network, as it is now, takes an image at hand for. Answers with Guessed. */
export interface AskGuess {
  run: number;
  image: string;
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
  summary: [OfResult, ResultSummary];
  made_picture: [OfResult, ImageInfo];
  confusion: [AskConfusion, Confused];
  maps: [null, Maps];
  map_ids: [AskMapIds, MapIds];
  map_image: [OfMapImage, ImageInfo];
  map_neighbors: [AskMapNeighbors, MapNeighbors];
  runs: [null, Runs];
  command: [AskCommand, CommandTold];
  guess: [AskGuess, Guessed];
  map_selection: [AskMapSelection, MapSelection];
  space: [AskSpace, Space];
}

/** Calls that answer with a frame: what each is asked with, null where it is a GET, and the frame's header. */
export interface Framed {
  look: [Look, Looked];
  unit: [LookUnit, UnitLooked];
  fields: [OfLayer, Fields];
  ask: [Ask, Answer];
  artifact: [OfResult, Answer];
  changes: [OfResult, UnitChanges];
  statistics: [OfLayer, Statistics];
  histogram: [OfUnit, Histogram];
  gallery: [AskGallery, Gallery];
  map: [OfMap, MapHeader];
  map_grid: [AskMapGrid, MapGrid];
  map_search: [AskMapSearch, MapFound];
  map_colors: [AskMapColors, MapColors];
  map_atlas: [AskMapAtlas, MapAtlas];
  map_picture: [AskMapPicture, MapPicture];
  run_curves: [AskCurves, RunCurves];
  run_look: [AskRunLook, RunLook];
  space_tiles: [AskSpaceTiles, SpaceTiles];
  neuron: [AskNeuron, NeuronTerms];
}
