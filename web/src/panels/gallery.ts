/** Pictures of a layer's channels for the grid: those that were synthesized, and the best crop of each in the scan. */
import { effect, signal } from "@preact/signals";
import type { Arr, Frame } from "../host";
import { newest } from "../newest";
import type { Answer, Ask, Gallery } from "../schema";
import * as state from "../state";
import { adopt, door, sentence } from "./asked";
import type { Spec } from "./layout";

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
  const frame = await door().frame("gallery", { network, layer, knobs: state.recipe.value });
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
      adopt(await door().call("submit", painting(`${layer}:${channel}`)));
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
  const panel = (answer.header.spec as unknown as Spec).panels.find((one) => one.array === "strips");
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

const cut = newest<{ network: string; layer: string; units: number }>(async ({ network, layer, units }) => {
  const knobs = { top: 1, channels: Math.min(units, 4096), projection: "none" };
  try {
    const answer = await door().frame("ask", { network, technique: "patches", subjects: { unit: layer }, knobs, view: {} });
    if (layer === state.layer.value) state.crops.value = cropsOf(answer, layer);
  } catch (error) {
    state.problem.value = sentence(error);
  }
});

/** Keeps the crops at the layer on screen, while the grid shows crops and there is a scan of it. */
export function follow(): () => void {
  return effect(() => {
    const [info, network] = [state.layerInfo.value, state.network.value?.name];
    const wanted = state.gridOf.value === "patches" && info && network && state.scan.value?.layers.includes(info.name);
    if (wanted) void cut({ network, layer: info.name, units: info.units });
    else state.crops.value = null;
  });
}
