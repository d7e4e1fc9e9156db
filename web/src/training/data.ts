/** A run as the page has it: its curves put together from what came, and how to read them. */
import type { Frame } from "../hosts/host";
import type { RunCurves } from "../schema";

export interface RunData {
  header: RunCurves;
  steps: number[];
  time: number[];
  metrics: Record<string, number[]>;
  looks: number[];
  /** A list a look, a number a layer. */
  ratio: number[][];
  gradient: number[][];
  dead: number[][];
  probeSteps: number[];
  probe: Record<string, number[]>;
}

/** What was known with what is new. */
export function joined(before: RunData | null, frame: Frame<RunCurves>): RunData {
  const { header, arrays } = frame;
  const old = header.whole ? null : before;
  const numbers = (name: string) => Array.from(arrays[name]?.data ?? []);
  const known = old?.steps.length ?? 0;
  const steps = [...(old?.steps ?? []), ...numbers("steps")];
  const metrics: Record<string, number[]> = {};
  header.metrics.forEach((name, i) => {
    metrics[name] = [...(old?.metrics[name] ?? new Array<number>(known).fill(Number.NaN)), ...numbers(`metric${i}`)];
  });
  const width = header.layers.length;
  const table = (name: string) => {
    const flat = numbers(name);
    return Array.from({ length: width ? flat.length / width : 0 }, (_, i) => flat.slice(i * width, (i + 1) * width));
  };
  const probe = { loss: numbers("probe_loss"), accuracy: numbers("probe_accuracy") };
  return {
    header,
    steps,
    time: [...(old?.time ?? []), ...numbers("time")],
    metrics,
    looks: [...(old?.looks ?? []), ...numbers("looks")],
    ratio: [...(old?.ratio ?? []), ...table("update_ratio")],
    gradient: [...(old?.gradient ?? []), ...table("gradient_norm")],
    dead: [...(old?.dead ?? []), ...table("dead")],
    probeSteps: numbers("probe_steps"),
    probe,
  };
}

/** Where in a sorted list the last number that is at most `value` is, -1 for none. */
export function upTo(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The mean of the last values up to a place that are numbers, at most `count`; NaN where there are none. */
export function recent(values: readonly number[], place: number, count = 100): number {
  let sum = 0;
  let found = 0;
  for (let i = place; i >= 0 && i > place - count; i -= 1) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    sum += value;
    found += 1;
  }
  return found ? sum / found : Number.NaN;
}

const HELD = /^(?:val|valid|validation|test|held_out)[_ /-]/;

/** Of a metric's name what it measures, and whether on pictures that are held out. */
export function meaning(name: string): { base: string; held: boolean } {
  return { base: name.replace(HELD, ""), held: HELD.test(name) };
}

/** Which metrics are drawn together: one chart for what is measured, losses first. */
export function charts(runs: readonly RunData[]): string[] {
  const names = new Set<string>();
  for (const run of runs) {
    for (const name of run.header.metrics) names.add(meaning(name).base);
    if (run.probeSteps.length) names.add("loss").add("accuracy");
  }
  return [...names].sort(
    (a, b) => Number(b === "loss") - Number(a === "loss") || Number(b.startsWith("acc")) - Number(a.startsWith("acc")),
  );
}
