/** What the training page knows, and its asking: twice a second while a loop runs, and when it says nothing now and then. */
import { batch, computed, effect, signal } from "@preact/signals";
import type { Frame, Host } from "../hosts/host";
import type { AskCommand, Guessed, RunInfo, RunLook } from "../schema";
import { trainingPlace, trainingPython } from "../store/places/training_place";
import { readyHost, sentence } from "../store/requests";
import * as app from "../store/state";
import { joined, type RunData } from "./data";
import { move, placeIn } from "./place";

const OFTEN = 500;
const SELDOM = 3000; // milliseconds between askings about a run that has ended

export const runs = signal<readonly RunInfo[]>([]);
export const known = signal<Readonly<Record<number, RunData>>>({});
export const looks = signal<Readonly<Record<number, Frame<RunLook>>>>({});
/** Why something is not there, and what became of the last command. */
export const trouble = signal("");
export const told = signal("");
export const guessed = signal<Guessed | null>(null);

/** The place in the address. */
export const here = computed(() => (trainingPlace.value === null ? null : placeIn(trainingPlace.value)));
/** The runs on screen, by their numbers. */
export const shown = computed(() => {
  const place = here.value;
  if (!place) return [];
  const all = [place.run, place.beside].filter((run, i, both) => run >= 0 && run < runs.value.length && both.indexOf(run) === i);
  return all.length ? all : runs.value.length ? [0] : [];
});
/** The last step of any run on screen. */
export const last = computed(() => Math.max(0, ...shown.value.map((run) => known.value[run]?.header.step ?? 0)));
/** The step that is looked at: where the slider is, or the last. */
export const at = computed(() => {
  const place = here.value?.at ?? -1;
  return place < 0 ? last.value : Math.min(place, last.value);
});
export const live = computed(() => (here.value?.at ?? -1) < 0);

const asked: Record<number, string> = {}; // of each run, which look was asked for last

async function read(host: Host, run: number): Promise<void> {
  const before = known.value[run] ?? null;
  const ask = {
    run,
    since: before?.steps.at(-1) ?? -1,
    looked: before?.looks.at(-1) ?? -1,
    session: before && before.header.every === 1 ? before.header.session : -1,
  };
  const found = joined(before, await host.frame("run_curves", ask));
  known.value = { ...known.value, [run]: found };
  await look(host, run, found);
}

/** Asks for a look where there may be another one than that on screen. */
async function look(host: Host, run: number, data: RunData): Promise<void> {
  const step = here.value?.at ?? -1;
  const running = data.header.loop.state === "running" || data.header.loop.state === "paused";
  const key = step < 0 ? `live ${running ? data.header.step : data.header.snapshots.length}` : `${step} of ${data.header.snapshots.length}`;
  if (asked[run] === key) return;
  asked[run] = key;
  try {
    const frame = await host.frame("run_look", { run, step });
    looks.value = { ...looks.value, [run]: frame };
  } catch (error) {
    delete asked[run];
    trouble.value = sentence(error);
  }
}

/** Asks from now on, until what is returned is called. */
export function follow(): () => void {
  let ended = false;
  let timer = 0;
  const round = async () => {
    clearTimeout(timer);
    let wait = SELDOM;
    try {
      const host = readyHost();
      if (!runs.value.length) runs.value = (await host.call("runs", null)).runs;
      await Promise.all(shown.value.map((run) => read(host, run)));
      batch(() => {
        if (shown.value.every((run) => known.value[run])) trouble.value = "";
        const folder = runs.value[shown.value[0] ?? 0]?.folder;
        trainingPython.value = folder ? `cs.open_record(${JSON.stringify(folder)})` : "";
      });
      if (shown.value.some((run) => known.value[run]?.header.loop.state !== "ended")) wait = OFTEN;
    } catch (error) {
      trouble.value = app.connection.value === "connected" ? sentence(error) : "";
      wait = OFTEN * 2;
    }
    if (!ended) timer = window.setTimeout(() => void round(), wait);
  };
  const stop = effect(() => {
    trainingPlace.value;
    app.connection.value;
    queueMicrotask(() => ended || void round());
  });
  return () => {
    ended = true;
    clearTimeout(timer);
    stop();
  };
}

/** Asks a loop for something, and says what became of it. */
export async function command(ask: AskCommand): Promise<boolean> {
  try {
    told.value = (await readyHost().call("command", ask)).told;
    app.said.value = told.value;
    await read(readyHost(), ask.run);
    return true;
  } catch (error) {
    told.value = sentence(error);
    app.said.value = told.value;
    return false;
  }
}

/** Has the network take a picture at hand for something, as it is now. */
export async function test(run: number, image: string): Promise<void> {
  try {
    guessed.value = await readyHost().call("guess", { run, image });
  } catch (error) {
    guessed.value = null;
    told.value = sentence(error);
  }
}

/** Goes to a step, -1 for what there is now. */
export function go(step: number): void {
  move({ at: step });
}
