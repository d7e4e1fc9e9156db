/** Where the marks are now: on their way from one layout to another, or there. */
import type { Layout } from "./nesting";
import { between } from "./places";

const LASTS = 700; // milliseconds

export interface Target {
  layout: Layout;
  places: Float32Array;
  cell: number;
}

export class Passage {
  #from: Float32Array = new Float32Array();
  #to: Target | null = null;
  #began = -Infinity;
  #now = new Float32Array();

  /** From where the marks are to a target; at once where it is a small step, or motion is not wanted. */
  go(target: Target, at: number, quietly: boolean): void {
    const before = this.#to;
    if (before?.places === target.places) return;
    const walks = before && before.places.length === target.places.length && !quietly;
    this.#from = walks ? this.places(at).slice() : target.places;
    this.#began = walks ? at : -Infinity;
    this.#to = target;
  }

  /** The places at a time. */
  places(at: number): Float32Array {
    if (!this.#to) return this.#now;
    const share = (at - this.#began) / LASTS;
    if (share >= 1) return this.#to.places;
    if (this.#now.length !== this.#to.places.length) this.#now = new Float32Array(this.#to.places.length);
    return between(this.#from, this.#to.places, eased(Math.max(share, 0)), this.#now);
  }

  moving(at: number): boolean {
    return at - this.#began < LASTS;
  }
}

/** Slow at both ends. */
export function eased(share: number): number {
  return share * share * (3 - 2 * share);
}
