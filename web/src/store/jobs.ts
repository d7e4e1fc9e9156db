/** The list of jobs, as the host tells of them. */
import { batch, signal } from "@preact/signals";
import type { Ask, Job, JobEvent, ScanEvent } from "../schema";
import { report } from "./requests";
import * as state from "./state";

/** Grows when there are new synthesized pictures. */
export const synthesized = signal(0);

/** Puts a technique into the queue. */
export async function submit(ask: Ask): Promise<Job | null> {
  const host = state.host.value;
  if (!host) return null;
  try {
    return await queued(host.call("submit", ask));
  } catch (error) {
    report(error);
    return null;
  }
}

let heard = 0;
const lastHeard = new Map<string, number>();

/** A job that was asked for, as it stands now: what was heard of it meanwhile is newer than the answer. */
export async function queued(answer: Promise<Job>): Promise<Job> {
  const before = heard;
  const job = await answer;
  const newer = (lastHeard.get(job.id) ?? 0) > before ? state.jobs.value.find((row) => row.id === job.id) : undefined;
  if (!newer) keepJob(job);
  return newer ?? job;
}

/** Takes up what the host said of a job, without waiting for its event. */
export function keepJob(job: Job): void {
  const rest = state.jobs.value.filter((row) => row.id !== job.id);
  state.jobs.value = [job, ...rest].sort((a, b) => b.created - a.created);
}

/** What happens while the page is open. */
export function hear(event: JobEvent | ScanEvent): void {
  if (event.kind === "scan") {
    state.scan.value = event.scan;
    return;
  }
  const { job, preview } = event;
  lastHeard.set(job.id, ++heard);
  const before = state.jobs.value.find((row) => row.id === job.id)?.state;
  batch(() => {
    keepJob(job);
    if (preview) state.previews.value = { ...state.previews.value, [job.id]: preview };
    if (before === job.state || (job.state !== "done" && job.state !== "failed")) return;
    state.said.value = job.state === "done" ? `${job.title} is done.` : `${job.title} failed: ${job.error}`;
    if (job.state === "done" && job.technique === "maximize") synthesized.value += 1;
  });
}
