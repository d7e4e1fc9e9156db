/** Asking for the circuit, or for a formula: at once where that is quick, as a job where it is not. */
import { effect } from "@preact/signals";
import { type Frame, HostError } from "../hosts/host";
import type { Answer, Ask } from "../schema";
import { keepJob } from "../store/jobs";
import { readyHost } from "../store/requests";
import * as state from "../store/state";

/** The answer to an ask; what takes its time goes through the queue, where it can be watched. */
export async function answered(ask: Ask, signal: AbortSignal): Promise<Frame<Answer>> {
  const host = readyHost();
  try {
    return await host.frame("ask", ask, signal);
  } catch (error) {
    if (!(error instanceof HostError) || !error.message.includes("submitted as a job")) throw error;
  }
  const job = await host.call("submit", ask);
  keepJob(job);
  await over(job.id, signal);
  return host.frame("artifact", { digest: job.artifact }, signal);
}

/** Waits until a job is done; throws what it failed with. */
function over(id: string, ended: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const stop = effect(() => {
      const job = state.jobs.value.find((row) => row.id === id);
      if (!ended.aborted && (job?.state === "queued" || job?.state === "running")) return;
      queueMicrotask(() => stop());
      if (job?.state === "done") done();
      else fail(new HostError(job?.error || "It was cancelled.", "Cancelled"));
    });
  });
}

/** What is asked of the selected unit and the picture on screen; null before there are both. */
export function askAbout(technique: string, knobs: Record<string, unknown>): Ask | null {
  const network = state.network.value?.name;
  const image = state.image.value;
  if (!network || !image || !state.layer.value) return null;
  return { network, technique, subjects: { image, unit: state.unit.value }, knobs };
}
