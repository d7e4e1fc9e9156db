/** How far each unit of the layer on screen moves from this picture to the other: measured beside noise, or the plain difference. */
import { computed, signal } from "@preact/signals";
import type { Frame, Numbers } from "../hosts/host";
import type { Ask, Job, Looked, UnitChanges } from "../schema";
import * as state from "./state";

const TECHNIQUE = "flipped_units";

/** Of each unit, NaN where it has no measure; `control` is what noise of the same size does, null where that was not measured. */
export interface Change {
  difference: Numbers;
  control: Numbers | null;
  /** What the differences are in, and how they were found. */
  unit: string;
  told: string;
}

/** What the pair on screen is measured with: every layer at once, so that the next one is there already. */
export function measuring(): Ask {
  const subjects = { image: state.image.value, changed: state.other.value };
  return { network: state.network.value?.name ?? "", technique: TECHNIQUE, subjects, knobs: { layers: "all" } };
}

/** The jobs that measure this pair, those of all layers before others. */
const jobs = computed<Job[]>(() => {
  const ask = measuring();
  const same = (job: Job) =>
    job.technique === TECHNIQUE &&
    job.network === ask.network &&
    job.subjects.image === ask.subjects?.image &&
    job.subjects.changed === ask.subjects?.changed;
  const all = (job: Job) => Number(job.knobs.layers === "all");
  return state.jobs.value.filter(same).sort((a, b) => all(b) - all(a));
});

/** Of these the one whose numbers are taken, and the one that has not ended. */
export const measured = computed(() => jobs.value.find((job) => job.state === "done") ?? null);
export const underway = computed(() => jobs.value.find((job) => job.state === "queued" || job.state === "running") ?? null);

export const changesOf = signal<{ digest: string; frame: Frame<UnitChanges> } | null>(null);

export const change = computed<Change | null>(() => {
  if (!state.other.value) return null;
  const { layer, gridOf, hidden } = state;
  const whole = gridOf.value !== "gradients" && !hidden.value.length; // else it is not these activations that were measured
  const kept = changesOf.value;
  const found = whole && kept && kept.digest === measured.value?.artifact ? ofLayer(kept.frame, layer.value) : null;
  return found ?? plain(state.looked.value, state.lookedOther.value, layer.value, gridOf.value === "gradients");
});

/** What was measured of a layer; null where it was not. */
export function ofLayer({ header, arrays }: Frame<UnitChanges>, layer: string): Change | null {
  const at = header.layers.indexOf(layer);
  const { edges, difference, control } = arrays;
  if (at < 0 || !edges || !difference || !control) return null;
  const own = (all: Numbers) => all.subarray(edges.data[at], edges.data[at + 1]);
  const told = `In spreads over ${header.reference.split(",")[0]}, beside what ${header.draws} draws of noise of the same size do.`;
  return { difference: own(difference.data), control: own(control.data), unit: "spreads", told };
}

/** The largest activation, at least 0 where there are places, in the second less that in the first. */
export function plain(one: Frame<Looked> | null, two: Frame<Looked> | null, layer: string, slopes = false): Change | null {
  const [first, second] = [one?.arrays.high?.data, two?.arrays.high?.data];
  if (!first || !second || one?.header.layer !== layer || two?.header.layer !== layer || first.length !== second.length) return null;
  const floor = !slopes && one.header.shape.slice(1).reduce((all, side) => all * side, 1) > 1 ? 0 : -Infinity;
  const difference = Float32Array.from(second, (value, i) => Math.max(value, floor) - Math.max(first[i] ?? 0, floor));
  const what = slopes ? "gradient" : "activation";
  return { difference, control: null, unit: what, told: `The plain difference of the largest ${what}s, not measured beside noise.` };
}

/** Channels by how far they moved: those that noise moves as far come after the others, and those without a measure last. */
export function byChange({ difference, control }: Change): Int32Array {
  const far = Array.from(difference, Math.abs);
  const group = far.map((moved, i) => (Number.isNaN(moved) ? 2 : control && moved <= (control[i] ?? 0) ? 1 : 0));
  return Int32Array.from(far.keys()).sort((a, b) => group[a]! - group[b]! || (group[a] === 2 ? 0 : far[b]! - far[a]!) || a - b);
}

/** A number with its sign. */
export function signed(value: number, written: (value: number) => string): string {
  return value > 0 ? `+${written(value)}` : written(value);
}
