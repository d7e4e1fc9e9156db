/** The one place that asks the host and changes what is on screen. Effects ask; functions are what views call. */
import { batch, effect, signal } from "@preact/signals";
import { type Frame, type Host, HostError } from "../hosts/host";
import { live } from "../hosts/live";
import { newest } from "./newest";
import type { Ask, Fields, ImageInfo, Job, JobEvent, Look, LookUnit, ScanEvent, Statistics } from "../schema";
import * as state from "./state";

const TILE = 56;
const BETWEEN = 500; // milliseconds from a trace of what the camera sees to the next
const MODES: readonly state.Mode[] = ["off", "saliency", "guided_backprop", "deconvnet"];
const STYLES: readonly state.Style[] = ["signed", "absolute", "grey", "color", "over"];

/** Grows when everything on screen has to be asked for again. */
const asked = signal(0);
/** Longest side of the tiles the grid needs, in pixels of the screen. */
export const tileSide = signal(TILE);
/** Grows when there are new synthesized pictures. */
const painted = signal(0);

// Beginning, and beginning again ------------------------------------------------------------------------------------

/** Connects; `opened` is awaited once, when there is a network to show. */
export function begin(opened: () => Promise<void>): void {
  const host = live();
  state.host.value = host;
  host.subscribe(hear);
  host.onConnection((connection) => {
    const before = state.connection.value;
    state.connection.value = connection;
    if (connection === "connected" && (before !== "connected" || !state.session.value)) void open(host, opened);
  });
}

/** The session as the server has it now; what is on screen stays wherever it still exists. */
async function open(host: Host, opened: () => Promise<void>): Promise<void> {
  try {
    const session = await host.call("session", null);
    const first = !state.session.value;
    const known = state.network.value;
    const same = known && known.digest === session.network.digest && known.name === session.network.name;
    batch(() => {
      state.session.value = session;
      state.scan.value = session.scan;
      state.images.value = session.images;
      if (!known || same) state.network.value = session.network;
      if (!known) state.layer.value = session.network.start;
      if (!session.images.some((row) => row.id === state.image.value)) showFirstImage(session.images, first);
      if (!session.images.some((row) => row.id === state.other.value)) state.other.value = "";
      state.problem.value = "";
      asked.value += 1;
    });
    if (first) {
      await opened();
      follow();
    }
    state.jobs.value = (await host.call("jobs", null)).jobs as Job[];
  } catch (error) {
    report(error);
  }
}

function showFirstImage(images: readonly ImageInfo[], first: boolean): void {
  const lost = !first && state.image.value;
  state.image.value = images[0]?.id ?? "";
  if (lost) state.said.value = "The picture on screen is no longer at hand; this is the first that is.";
}

// What views call ---------------------------------------------------------------------------------------------------

/** Shows another network, and of it the layer and channel wanted, or where it starts. */
export async function openNetwork(name: string, layer = "", channel = 0): Promise<void> {
  const host = state.host.value;
  if (!host || name === state.network.value?.name) return;
  state.said.value = `Opening ${name}.`;
  try {
    const network = await host.call("network", { network: name });
    batch(() => {
      state.network.value = network;
      state.layer.value = layer || network.start;
      state.channel.value = channel;
      state.origin.value = null;
      state.hidden.value = [];
      state.looked.value = state.lookedOther.value = null;
      state.unitLooked.value = state.unitLookedOther.value = null;
      state.trace.value = state.fields.value = null;
      state.said.value = `${network.title} is open.`;
    });
  } catch (error) {
    report(error);
  }
}

/** Selects a layer, and a channel of it: the one before, as far as there are as many. */
export function select(layer: string, channel?: number): void {
  const info = state.network.value?.layers.find((row) => row.name === layer);
  if (!info) return;
  const changed = layer !== state.layer.value;
  batch(() => {
    state.layer.value = layer;
    state.channel.value = clamp(channel ?? (changed ? 0 : state.channel.value), info.units);
    if (changed) state.neuron.value = null;
  });
}

export function selectChannel(channel: number): void {
  const info = state.layerInfo.value;
  if (info) state.channel.value = clamp(channel, info.units);
}

function clamp(channel: number, units: number): number {
  return Math.max(0, Math.min(Math.trunc(channel), units - 1));
}

export function showImage(id: string): void {
  batch(() => {
    if (id === state.image.value) return;
    state.image.value = id;
    state.hidden.value = [];
  });
}

/** The image `step` further on in the list, round its ends. */
export function showNext(step: number): void {
  const rows = state.images.value;
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.id === state.image.value);
  const next = rows[(at + step + rows.length) % rows.length];
  if (!next) return;
  showImage(next.id);
  state.said.value = `Picture ${next.name}.`;
}

/** Uploads a picture and puts it into the list, the newest first; it is shown if wanted. */
export async function addImage(data: Blob, name: string, show = true): Promise<ImageInfo | null> {
  const host = state.host.value;
  if (!host) return null;
  try {
    const info = await host.upload(data, name);
    batch(() => {
      if (!state.images.value.some((row) => row.id === info.id)) state.images.value = [info, ...state.images.value];
      if (show) showImage(info.id);
    });
    return info;
  } catch (error) {
    report(error);
    return null;
  }
}

export function compareWith(id: string): void {
  batch(() => {
    state.other.value = id === state.image.value ? "" : id;
    state.lookedOther.value = state.unitLookedOther.value = null;
  });
}

/** Keeps tracing this unit while others are browsed; again, and the selected one is traced. */
export function togglePin(): void {
  const pinned = state.origin.value;
  state.origin.value = pinned ? null : { layer: state.layer.value, channel: state.channel.value };
  if (pinned && state.gridOf.value === "gradients") state.gridOf.value = "activations";
  state.said.value = pinned ? "The selected unit is traced." : `${state.unit.value} stays traced.`;
}

/** The grid shows the pinned unit's gradient in whichever layer is on screen, or activations again. */
export function toggleGradients(): void {
  if (!state.origin.value) {
    state.said.value = state.problem.value = "Pin a unit first (d): the grid then shows its gradient in the layers before it.";
    return;
  }
  state.gridOf.value = state.gridOf.value === "gradients" ? "activations" : "gradients";
}

export function cycleMode(): void {
  state.mode.value = following(MODES, state.mode.value);
}

export function cycleStyle(): void {
  state.style.value = following(STYLES, state.style.value);
}

function following<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length] as T;
}

/** Back to how the page begins, except for network, layer, unit and image. */
export function reset(): void {
  batch(() => {
    state.origin.value = state.neuron.value = null;
    state.mode.value = "guided_backprop";
    state.style.value = "signed";
    state.scaleOf.value = "layer";
    state.gridOf.value = "activations";
    state.order.value = "number";
    state.boost.value = state.gamma.value = 1;
    state.hidden.value = [];
    state.other.value = "";
    state.lookedOther.value = state.unitLookedOther.value = null;
    state.problem.value = "";
    state.frozen.value = false;
  });
}

/** Puts a technique into the queue. */
export async function submit(ask: Ask): Promise<Job | null> {
  const host = state.host.value;
  if (!host) return null;
  try {
    const job = await host.call("submit", ask);
    keep(job);
    return job;
  } catch (error) {
    report(error);
    return null;
  }
}

/** Says what went wrong; the state of the connection is told by itself. */
export function report(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof HostError && (error.gone || error.denied)) return;
  state.problem.value = error instanceof Error ? error.message : String(error);
}

// Events ------------------------------------------------------------------------------------------------------------

function hear(event: JobEvent | ScanEvent): void {
  if (event.kind === "scan") {
    state.scan.value = event.scan;
    return;
  }
  const { job, preview } = event;
  const before = state.jobs.value.find((row) => row.id === job.id)?.state;
  batch(() => {
    keep(job);
    if (preview) state.previews.value = { ...state.previews.value, [job.id]: preview };
    if (before === job.state || (job.state !== "done" && job.state !== "failed")) return;
    state.said.value = job.state === "done" ? `${job.title} is done.` : `${job.title} failed: ${job.error}`;
    if (job.state === "done" && job.technique === "maximize") painted.value += 1;
  });
}

function keep(job: Job): void {
  const rest = state.jobs.value.filter((row) => row.id !== job.id);
  state.jobs.value = [job, ...rest].sort((a, b) => b.created - a.created);
}

// What follows from what is on screen -------------------------------------------------------------------------------

/** A kind of ask, one at a time; what went wrong is taken back as soon as it goes well again. */
function kind<A>(run: (host: Host, ask: A) => Promise<void>, failed: (error: unknown) => void = report) {
  let complaint = "";
  const say = newest<[Host, A]>(async ([host, ask]) => {
    try {
      await run(host, ask);
      if (complaint && complaint === state.problem.value) state.problem.value = "";
      complaint = "";
    } catch (error) {
      failed(error);
      complaint = state.problem.value;
    }
  });
  return (host: Host, ask: A) => void say([host, ask]);
}

/** Whether an answer about this layer is still wanted; one about an earlier image is, or a camera would show nothing. */
function current(ask: { network: string; layer: string }): boolean {
  return ask.network === state.network.value?.name && ask.layer === state.layer.value;
}

const look = kind<Look>(async (host, ask) => {
  const frame = await host.frame("look", ask);
  if (!current(ask)) return;
  batch(() => {
    state.looked.value = frame;
    state.lookedOf.value = ask.image;
  });
  void fetchFields(host, ask.network, ask.layer);
});

const lookOther = kind<Look>(async (host, ask) => {
  const frame = await host.frame("look", ask);
  if (current(ask) && state.other.value) state.lookedOther.value = frame;
});

const lookUnit = kind<LookUnit>(async (host, ask) => {
  const frame = await host.frame("unit", ask);
  if (current(ask)) state.unitLooked.value = frame;
});

const lookUnitOther = kind<LookUnit>(async (host, ask) => {
  const frame = await host.frame("unit", ask);
  if (current(ask) && state.other.value) state.unitLookedOther.value = frame;
});

const traceBack = kind<Ask>(
  async (host, ask) => {
    const frame = await host.frame("ask", ask);
    batch(() => {
      state.trace.value = state.mode.value === "off" ? null : frame;
      state.traceProblem.value = "";
    });
    // a trace costs as much as two grids: from the camera the grids go first
    if (state.live.value && !state.frozen.value) await new Promise((done) => setTimeout(done, BETWEEN));
  },
  (error) => {
    state.trace.value = null;
    state.traceProblem.value = error instanceof Error ? error.message : String(error);
  },
);

const known = new Map<string, Frame<Fields>>();

/** What each neuron of a layer sees: once a layer, so that moving the pointer asks for nothing. */
async function fetchFields(host: Host, network: string, layer: string): Promise<void> {
  const key = JSON.stringify([network, layer]);
  try {
    const frame = known.get(key) ?? (await host.frame("fields", { network, layer }));
    known.set(key, frame);
    if (current({ network, layer })) state.fields.value = frame;
  } catch (error) {
    report(error);
  }
}

const measure = kind<{ network: string; layer: string }>(async (host, ask) => {
  const frame: Frame<Statistics> = await host.frame("statistics", ask);
  if (current(ask)) state.statistics.value = frame;
});

const collect = kind<{ network: string; layer: string; knobs: Record<string, unknown> }>(async (host, ask) => {
  const frame = await host.frame("gallery", ask);
  if (current(ask)) state.gallery.value = frame;
});

/** Asks for what the signals say should be on screen, whenever they change. */
function follow(): void {
  const place = () => {
    asked.value;
    const host = state.host.value;
    const network = state.network.value;
    const info = state.layerInfo.value;
    return host && network && info ? { host, network: network.name, layer: info.name } : null;
  };
  const view = () => ({
    side: tileSide.value, hidden: [...state.hidden.value], reach: state.scaleOf.value === "network",
    traced: state.gridOf.value === "gradients" && state.origin.value ? state.traced.value : "",
  });

  effect(() => {
    const at = place();
    if (at && state.image.value) look(at.host, { ...ofLayer(at), image: state.image.value, ...view() });
  });
  effect(() => {
    const at = place();
    if (at && state.other.value) lookOther(at.host, { ...ofLayer(at), image: state.other.value, ...view(), hidden: [] });
  });
  effect(() => {
    const at = place();
    const ask = { channel: state.channel.value, image: state.image.value, hidden: [...state.hidden.value] };
    if (at && ask.image) lookUnit(at.host, { ...ofLayer(at), ...ask });
  });
  effect(() => {
    const at = place();
    const ask = { channel: state.channel.value, image: state.other.value, hidden: [] };
    if (at && ask.image) lookUnitOther(at.host, { ...ofLayer(at), ...ask });
  });
  effect(() => {
    const at = place();
    const technique = state.mode.value;
    if (!at || !state.image.value) return;
    if (technique === "off") {
      state.trace.value = null;
      state.traceProblem.value = "";
      return;
    }
    const subjects = { image: state.image.value, unit: state.traced.value };
    const view = { style: state.style.value, photo: false };
    // after the ask for the unit's map, which is quick and is looked at first
    queueMicrotask(() => traceBack(at.host, { network: at.network, technique, subjects, knobs: {}, view }));
  });
  effect(() => {
    const at = place();
    if (at && state.scan.value?.layers.includes(at.layer)) measure(at.host, ofLayer(at));
    else state.statistics.value = null;
  });
  effect(() => {
    const at = place();
    painted.value;
    if (at && state.gridOf.value === "synthesized") collect(at.host, { ...ofLayer(at), knobs: state.recipe.value });
  });
}

function ofLayer(at: { network: string; layer: string }): { network: string; layer: string } {
  return { network: at.network, layer: at.layer };
}
