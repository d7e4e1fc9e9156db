/** What every request needs: the host, a sentence for whatever went wrong, and asking anew when what is asked for changes. */
import { useEffect, useState } from "preact/hooks";
import { type Host, HostError } from "../hosts/host";
import * as state from "./state";

/** The host; raises HostError while there is none yet. */
export function readyHost(): Host {
  if (!state.host.value) throw new HostError("The explorer is not ready yet. Wait a moment.", "NotReady");
  return state.host.value;
}

/** What went wrong, for the reader. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says what went wrong; the state of the connection is told by itself. */
export function report(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof HostError && (error.gone || error.denied)) return;
  state.problem.value = sentence(error);
}

/** Milliseconds something stays selected before it is asked about: keys walk on faster. */
export const STILL = 200;

export interface Answered<T> {
  value: T | null;
  error: string;
  busy: boolean;
}

/** Asks whenever `key` changes, after a moment; an answer that is no longer wanted is dropped, the last one stays until then. */
export function useAnswer<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>, wait = 0): Answered<T> {
  const [asked, put] = useState<Answered<T>>({ value: null, error: "", busy: false });
  useEffect(() => {
    if (key === null) {
      put({ value: null, error: "", busy: false });
      return;
    }
    const ended = new AbortController();
    const set = (next: (before: Answered<T>) => Answered<T>) => ended.signal.aborted || put(next);
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
