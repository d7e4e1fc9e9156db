/** What panels share: the host, a sentence for whatever went wrong, and asking anew when what is asked for changes. */
import { useEffect, useState } from "preact/hooks";
import { type Host, HostError } from "../hosts/host";
import type { Job } from "../schema";
import * as state from "./state";

export function door(): Host {
  if (!state.host.value) throw new HostError("The explorer is not ready yet. Wait a moment.", "NotReady");
  return state.host.value;
}

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Takes up what the host answered about a job, without waiting for its event. */
export function adopt(job: Job): void {
  const rest = state.jobs.value.filter((row) => row.id !== job.id);
  state.jobs.value = [job, ...rest].sort((a, b) => b.created - a.created);
}

export interface Asked<T> { value: T | null; error: string; busy: boolean }

/** Asks whenever `key` changes, after a moment; an answer that is no longer wanted is dropped, the last one stays until then. */
export function useAsked<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>, wait = 0): Asked<T> {
  const [asked, put] = useState<Asked<T>>({ value: null, error: "", busy: false });
  useEffect(() => {
    if (key === null) {
      put({ value: null, error: "", busy: false });
      return;
    }
    const ended = new AbortController();
    const set = (next: (before: Asked<T>) => Asked<T>) => ended.signal.aborted || put(next);
    put((before) => ({ ...before, busy: true }));
    const timer = setTimeout(() => {
      ask(ended.signal).then(
        (value) => set(() => ({ value, error: "", busy: false })),
        (error: unknown) => set(() => ({ value: null, error: sentence(error), busy: false })),
      );
    }, wait);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [key]);
  return asked;
}
