/** Pictures of a layer's channels for the grid: those that were synthesized, and the best crop of each in the scan. */
import { computed, effect, signal } from "@preact/signals";
import type { Arr, Frame } from "../hosts/host";
import type { Answer, Ask, Gallery } from "../schema";
import { keepJob } from "../store/jobs";
import { newest } from "../store/newest";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import type { View } from "../views/view";

const PAPER = 236; // behind crops that do not fill their tile

/** How many of the units that were asked for are in the queue; null where none are being put there. */
export const queueing = signal<{ put: number; of: number } | null>(null);

export function painting(unit: string): Ask {
  return { network: state.network.value?.name ?? "", technique: "maximize", subjects: { unit }, knobs: state.recipe.value };
}

/** Asks for the synthesized pictures of a layer that are there. */
export async function collect(layer: string): Promise<void> {
  const network = state.network.value?.name;
  if (!network) return;
  const frame = await readyHost().frame("gallery", { network, layer, knobs: state.recipe.value });
  if (layer === state.layer.value) state.gallery.value = frame;
}

/** The channels of the layer on screen that have a synthesized picture, each with where it is among the pictures. */
export function painted(): Map<number, number> {
  const found = state.gallery.value;
  if (found?.header.layer !== state.layer.value) return new Map();
  return new Map(Array.from(found.arrays.channels?.data ?? [], (channel, at) => [channel, at]));
}

/** Puts a job into the queue for each unit of the layer that has no picture; `stop` ends that. */
export async function paintAll(): Promise<void> {
  const layer = state.layer.value;
  const units = state.layerInfo.value?.units ?? 0;
  await collect(layer);
  const there = painted();
  const missing = Array.from({ length: units }, (_, channel) => channel).filter((channel) => !there.has(channel));
  queueing.value = { put: 0, of: missing.length };
  try {
    for (const channel of missing) {
      if (!queueing.peek()) return;
      keepJob(await readyHost().call("submit", painting(`${layer}:${channel}`)));
      const so = queueing.peek();
      if (so) queueing.value = { ...so, put: so.put + 1 };
    }
    state.said.value = `${missing.length} pictures of ${layer} are in the queue.`;
  } catch (error) {
    state.problem.value = sentence(error); // the queue is full, say: what is in it stays
  } finally {
    queueing.value = null;
  }
}

export function stop(): void {
  queueing.value = null;
}

/** The best crop of each channel, from the sheet that `patches` makes of a layer; opaque and square, as a gallery's are. */
export function cropsOf(answer: Frame<Answer>, layer: string): Frame<Gallery> {
  const panel = (answer.header.spec as unknown as View).panels.find((one) => one.array === "strips");
  const strips = answer.arrays.strips;
  const channels = Int32Array.from(panel?.labels ?? [], (label) => Number.parseInt(label, 10));
  const side = strips?.shape[1] ?? 1;
  const pictures: Arr = { data: strips ? squares(strips, side) : new Uint8Array(), shape: [channels.length, side, side, 3] };
  return { header: { layer, units: channels.length }, arrays: { pictures, channels: { data: channels, shape: [channels.length] } } };
}

function squares(strips: Arr, side: number): Uint8Array {
  const [count = 0, , width = side] = strips.shape;
  const left = Math.max(0, Math.floor((width - side) / 2));
  const bytes = new Uint8Array(count * side * side * 3).fill(PAPER);
  for (let row = 0; row < count * side; row++) {
    for (let x = 0; x < Math.min(side, width); x++) {
      const from = 4 * (row * width + left + x);
      const alpha = (strips.data[from + 3] ?? 0) / 255;
      for (let color = 0; color < 3; color++) {
        bytes[3 * (row * side + x) + color] = (strips.data[from + color] ?? 0) * alpha + PAPER * (1 - alpha);
      }
    }
  }
  return bytes;
}

/** The job that cuts out the crops of the layer on screen; empty while there is none. */
export const cutting = signal("");

const ask = newest<{ network: string; layer: string; units: number }>(async ({ network, layer, units }) => {
  const knobs = { top: 1, channels: Math.min(units, 4096), projection: "none" };
  try {
    const job = await readyHost().call("submit", { network, technique: "patches", subjects: { unit: layer }, knobs });
    keepJob(job);
    if (layer === state.layer.value) cutting.value = job.id;
  } catch (error) {
    state.problem.value = sentence(error);
  }
});

const fetchCrops = newest<{ digest: string; layer: string }>(async ({ digest, layer }) => {
  try {
    const answer = await readyHost().frame("artifact", { digest });
    if (layer === state.layer.value) state.crops.value = cropsOf(answer, layer);
  } catch (error) {
    state.problem.value = sentence(error);
  }
});

/** The layer whose crops the grid is to show, if the scan holds it. */
const wanted = computed(() => {
  const [info, network] = [state.layerInfo.value, state.network.value?.name];
  const scanned = info && state.scan.value?.layers.includes(info.name);
  return state.gridOf.value === "patches" && scanned && network ? { network, layer: info.name, units: info.units } : null;
});

/** Keeps the crops at the layer on screen while the grid shows crops: a job cuts them out, once for each layer. */
export function follow(): () => void {
  const asking = effect(() => {
    state.scan.value;
    state.crops.value = null;
    cutting.value = "";
    if (wanted.value) void ask(wanted.value);
  });
  const done = computed(() => state.jobs.value.find((row) => row.id === cutting.value && row.state === "done")?.artifact ?? "");
  const fetching = effect(() => {
    if (done.value) void fetchCrops({ digest: done.value, layer: state.layer.peek() });
  });
  return () => {
    asking();
    fetching();
  };
}
