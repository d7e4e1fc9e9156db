/** The pictures of marks: thumbnails from pages that hold a thousand each, and single large ones, asked for as they come in sight. */
import { signal } from "@preact/signals";
import type { Arr } from "../../hosts/host";
import type { MapHeader } from "../../schema";
import { readyHost } from "../../store/requests";
import { Newest } from "./lru";

const ROOM = 12 * 2048 ** 2; // pixels of pages that are kept: 200 MB
const LARGE = 160; // pictures of 256² pixels
const AT_ONCE = 3; // requests, of the eight the server answers at a time

/** A picture, or a part of one, to draw. */
export interface Cut {
  image: ImageBitmap;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Grows whenever another picture is there. */
export const arrived = signal(0);

export class Pictures {
  #pages = new Newest<string, ImageBitmap>(ROOM, (page) => page.close());
  #large = new Newest<number, ImageBitmap>(LARGE, (picture) => picture.close());
  #missing = new Set<number>();
  #refused = new Set<string>();
  #asked = new Map<string, () => Promise<void>>();
  #busy = new Set<string>();
  #size = 64; // of the thumbnails that are painted now
  #ended = new AbortController();

  constructor(
    readonly header: MapHeader,
    readonly slots: Arr["data"],
  ) {}

  get there(): boolean {
    return !this.header.atlas.refused;
  }

  /** How many requests there are still to come. */
  get waiting(): number {
    return this.#asked.size + this.#busy.size;
  }

  /** Marks that are wanted from now on, so large; what was asked for before and is not yet under way is not. */
  begin(marks: readonly number[], pixels: number): void {
    const { cells, sizes } = this.header.atlas;
    const pages = new Set(marks.map((mark) => this.#pageOf(mark))).size;
    const fits = sizes.filter((size) => pages * (size * cells) ** 2 <= ROOM); // or pages would drive one another out
    this.#size = fits.find((size) => size >= pixels) ?? fits.at(-1) ?? sizes[0]!;
    this.#asked.clear();
  }

  /** The thumbnail of a mark, in another size until there is that which is wanted; null where there is none yet. */
  thumbnail(mark: number): Cut | null {
    const { cells, sizes, refused } = this.header.atlas;
    const slot = this.slots[mark] ?? -1;
    if (refused || slot < 0 || this.#missing.has(slot)) return null;
    const page = this.#pageOf(mark);
    const best = this.#size;
    for (const size of [best, ...[...sizes].reverse()]) {
      const image = this.#pages.get(`${size} ${page}`);
      if (size === best && !image) this.#want(`${size} ${page}`, () => this.#fetchPage(size, page));
      if (!image) continue;
      const at = slot % cells ** 2;
      return { image, x: (at % cells) * size, y: Math.floor(at / cells) * size, width: size, height: size };
    }
    return null;
  }

  /** A mark's own picture; null, and asked for, where it is not there yet. */
  large(mark: number): Cut | null {
    const image = this.#large.get(mark);
    if (!image) this.#want(`large ${mark}`, () => this.#fetchLarge(mark));
    return image ? { image, x: 0, y: 0, width: image.width, height: image.height } : null;
  }

  /** One picture by itself: the large one, its thumbnail until then. */
  single(mark: number): Cut | null {
    const found = this.large(mark);
    if (!found) this.go();
    return found ?? this.thumbnail(mark);
  }

  /** Asks for what is wanted, in the order it came to be wanted. */
  go(): void {
    for (const [key, run] of this.#asked) {
      if (this.#busy.size >= AT_ONCE) return;
      if (this.#busy.has(key)) continue;
      this.#asked.delete(key);
      this.#busy.add(key);
      run()
        .catch(() => this.#refused.add(key)) // its dot stays: what is refused once is not asked for again
        .finally(() => {
          this.#busy.delete(key);
          arrived.value += 1;
          this.go();
        });
    }
  }

  end(): void {
    this.#ended.abort();
    this.#asked.clear();
    this.#pages.clear();
    this.#large.clear();
  }

  #pageOf(mark: number): number {
    return Math.floor(this.slots[mark]! / this.header.atlas.cells ** 2);
  }

  #want(key: string, run: () => Promise<void>): void {
    if (!this.#refused.has(key)) this.#asked.set(key, run);
  }

  async #fetchPage(size: number, page: number): Promise<void> {
    const { digest, atlas } = this.header;
    const ask = { digest, atlas: atlas.digest, size: size as 16 | 32 | 64, page };
    const found = await readyHost().frame("map_atlas", ask, this.#ended.signal);
    for (const slot of found.header.missing) this.#missing.add(slot);
    const image = await decoded(found.arrays.webp!);
    if (this.#ended.signal.aborted) image.close();
    else this.#pages.set(`${size} ${page}`, image, image.width * image.height);
  }

  async #fetchLarge(mark: number): Promise<void> {
    const found = await readyHost().frame("map_picture", { digest: this.header.digest, number: mark, side: 256 }, this.#ended.signal);
    const image = await decoded(found.arrays.webp!);
    if (this.#ended.signal.aborted) image.close();
    else this.#large.set(mark, image);
  }
}

function decoded(bytes: Arr): Promise<ImageBitmap> {
  return createImageBitmap(new Blob([Uint8Array.from(bytes.data)], { type: "image/webp" }));
}
