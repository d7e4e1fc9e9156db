/** The host that is a file: answers about one map from what the page itself holds, and asks for nothing. */
import type { Framed, ImageInfo, MapHeader, MapNeighbor, Plain } from "../schema";
import { decode } from "./frame";
import { type Arr, type Connection, type Frame, type Host, HostError } from "./host";

/** What a file says of its map: what a server would, the ids of all images, and what there was no room for. */
export interface Held extends MapHeader {
  ids: string[];
  left_out: string;
}

const NOT_HERE = "This file holds the map alone. Explore the network with convscope to ask for that.";

/** The host of the file that is open, once it has unpacked its map. */
export async function file(): Promise<{ host: Host; held: Held }> {
  const packed = new Blob([asset("map")]).stream().pipeThrough(new DecompressionStream("gzip"));
  const frame = decode<Held>(await new Response(packed).arrayBuffer());
  return { host: new FileHost(frame), held: frame.header };
}

class FileHost implements Host {
  readonly #asks: Record<string, (ask: never) => unknown> = {
    maps: () => ({ maps: [this.#info()] }),
    map: () => this.frameOfMap,
    map_grid: () => this.#grid(),
    map_ids: ({ numbers }: { numbers: number[] }) => ({
      ids: numbers.map((mark) => this.#held.ids[mark] ?? ""),
      classes: numbers.map((mark) => this.#label(mark)),
    }),
    map_search: ({ text, limit = 1000 }: { text: string; limit?: number }) => this.#search(text.toLowerCase(), limit),
    map_atlas: ({ page, size }: { page: number; size: number }) => ({
      header: { page, size, missing: [] },
      arrays: { webp: array(asset(`page-${page}`)) },
    }),
    map_neighbors: (ask: Plain["map_neighbors"][0]) => this.#neighbors(ask.number, ask.count ?? 10, ask.snapshot ?? -1),
  };

  constructor(readonly frameOfMap: Frame<Held>) {}

  async call<K extends keyof Plain>(method: K, body: Plain[K][0]): Promise<Plain[K][1]> {
    return this.#answer(method, body) as Plain[K][1];
  }

  async frame<K extends keyof Framed>(method: K, body: Framed[K][0]): Promise<Frame<Framed[K][1]>> {
    return this.#answer(method, body) as Frame<Framed[K][1]>;
  }

  async upload(): Promise<ImageInfo> {
    throw new HostError(NOT_HERE, "NotHere");
  }

  async imageUrl(): Promise<string> {
    throw new HostError(NOT_HERE, "NotHere");
  }

  async artifactUrl(): Promise<string> {
    throw new HostError(NOT_HERE, "NotHere");
  }

  subscribe(): () => void {
    return () => undefined;
  }

  onConnection(listener: (state: Connection) => void): () => void {
    listener("connected");
    return () => undefined;
  }

  get #held(): Held {
    return this.frameOfMap.header;
  }

  #answer(method: string, body: unknown): unknown {
    const asked = this.#asks[method];
    if (!asked) throw new HostError(NOT_HERE, "NotHere");
    return asked(body as never);
  }

  #info() {
    const { digest, technique, network, layer } = this.#held;
    return { digest, technique, network, layer, title: `${technique} of ${layer}` };
  }

  #label(mark: number): string {
    return this.#held.classes[this.frameOfMap.arrays.classes?.data[mark] ?? -1] ?? "";
  }

  #grid(): unknown {
    const { cells } = this.frameOfMap.arrays;
    if (!cells) throw new HostError("The grid of this map is not in this file. Save it again as a .png of style grid.", "NotHere");
    let [rows, columns] = [0, 0];
    for (let at = 0; at < cells.data.length; at += 2) {
      rows = Math.max(rows, cells.data[at]! + 1);
      columns = Math.max(columns, cells.data[at + 1]! + 1);
    }
    return { header: { rows, columns }, arrays: { cells } };
  }

  #search(text: string, limit: number): unknown {
    const found: number[] = [];
    this.#held.ids.forEach((id, mark) => {
      if (`${id}\n${this.#label(mark)}`.toLowerCase().includes(text)) found.push(mark);
    });
    const data = Int32Array.from(found.slice(0, limit));
    return { header: { count: found.length }, arrays: { numbers: { data, shape: [data.length] } } };
  }

  #neighbors(number: number, count: number, snapshot: number): Plain["map_neighbors"][1] {
    const { data, shape } = this.frameOfMap.arrays.points!;
    const [snapshots = 1, n = 0, dims = 2] = shape;
    const first = (snapshot < 0 ? snapshots - 1 : snapshot) * n;
    const far = (mark: number) => {
      let sum = 0;
      for (let axis = 0; axis < dims; axis += 1) sum += (data[(first + mark) * dims + axis]! - data[(first + number) * dims + axis]!) ** 2;
      return Math.sqrt(sum);
    };
    const away = Float64Array.from({ length: n }, (_, mark) => far(mark));
    const marks = [...away.keys()].filter((mark) => mark !== number).sort((a, b) => away[a]! - away[b]!);
    const near = (mark: number): MapNeighbor => ({
      number: mark,
      id: this.#held.ids[mark] ?? "",
      label: this.#label(mark),
      on_map: away[mark]!,
      in_layer: null,
    });
    const about = { number, id: this.#held.ids[number] ?? "", label: this.#label(number), metric: this.#held.metric };
    const refused = "The codes are not in this file, so those nearest in the layer are not known.";
    return { ...about, on_map: marks.slice(0, count).map(near), in_layer: [], shared: 0, refused };
  }
}

/** What an element of the page holds, in base64. */
function asset(id: string): Uint8Array<ArrayBuffer> {
  const text = document.getElementById(id)?.textContent;
  if (!text) throw new HostError(`This file lacks its ${id}: it is not whole.`, "NotWhole");
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function array(data: Uint8Array): Arr {
  return { data, shape: [data.length] };
}
