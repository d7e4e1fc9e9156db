/** Where in which training the page is, as the address says it; no place while another page is on screen. */
import { signal } from "@preact/signals";

/** `#/training/RUN?beside=RUN&at=STEP`, which the page of a training reads. */
export const trainingPlace = signal<string | null>(null);
/** The Python that opens the record on screen. */
export const trainingPython = signal("");

/** The fragment itself, where it means a training. */
export function readTraining(hash: string): string | null {
  return /^#\/training(?![^/?])/.test(hash) ? hash : null;
}
