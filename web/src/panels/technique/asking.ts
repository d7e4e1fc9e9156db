/** Which technique is asked for, with what, and what came of it. */
import { batch, computed, signal } from "@preact/signals";
import type { Frame } from "../../hosts/host";
import type { Answer, Ask, TechniqueInfo } from "../../schema";
import { queued } from "../../store/jobs";
import { readyHost, sentence } from "../../store/requests";
import * as state from "../../store/state";
import { label } from "./schema_form";

type Texts = Record<string, string>;
type Shown = { answer: Frame<Answer> } | { job: string } | null;

const name = signal("occlusion");
/** What was typed, by technique: into its knobs, its picture's and its subjects. */
export const knobs = signal<Record<string, Texts>>({});
export const views = signal<Record<string, Texts>>({});
export const subjects = signal<Record<string, Texts>>({});
export const shown = signal<Shown>(null);
export const refusal = signal("");
export const busy = signal(false);

export const chosen = computed<TechniqueInfo | null>(
  () => state.session.value?.techniques.find((row) => row.name === name.value) ?? state.session.value?.techniques[0] ?? null,
);

/** Opens the panel on a technique. */
export function choose(technique: string): void {
  batch(() => {
    name.value = technique;
    refusal.value = "";
    shown.value = null;
  });
}

/** Asks for it at once; the host refuses what takes its time. */
export async function runNow(ask: Ask): Promise<void> {
  await attempt(async () => {
    const answer = await readyHost().frame("ask", ask);
    shown.value = { answer };
    state.said.value = `${label(ask.technique)} is there.`;
  });
}

/** Puts it into the queue. */
export async function runAsJob(ask: Ask): Promise<void> {
  await attempt(async () => {
    const job = await queued(readyHost().call("submit", ask));
    shown.value = { job: job.id };
    state.said.value = job.state === "done" ? `${job.title} is in the store already.` : `${job.title} is in the queue.`;
  });
}

async function attempt(run: () => Promise<void>): Promise<void> {
  batch(() => {
    busy.value = true;
    refusal.value = "";
    shown.value = null;
  });
  try {
    await run();
  } catch (error) {
    refusal.value = sentence(error);
  } finally {
    busy.value = false;
  }
}
