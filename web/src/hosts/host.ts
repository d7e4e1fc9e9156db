/** The one door from the views to whatever answers them: a live server, or a file with one map in it. */
import type { Framed, ImageInfo, JobEvent, Plain, ScanEvent } from "../schema";

export type Numbers = Uint8Array | Int32Array | Float32Array;
export interface Arr {
  data: Numbers;
  shape: number[];
}
/** An answer with arrays by name. */
export interface Frame<H> {
  header: H;
  arrays: Record<string, Arr>;
}

/** What went wrong, in a sentence for the reader; `gone` where nobody answered at all, `denied` without a token. */
export class HostError extends Error {
  constructor(
    message: string,
    readonly kind: string,
    readonly gone = false,
    readonly denied = false,
  ) {
    super(message);
  }
}

/** Of the files a result is kept as. */
export type Ending = "png" | "npz" | "json" | "mp4" | "parquet" | "svg";
export type Connection = "connected" | "connecting" | "gone" | "denied";

export interface Host {
  call<K extends keyof Plain>(method: K, body: Plain[K][0]): Promise<Plain[K][1]>;
  frame<K extends keyof Framed>(method: K, body: Framed[K][0], signal?: AbortSignal): Promise<Frame<Framed[K][1]>>;
  upload(data: Blob, name: string): Promise<ImageInfo>;
  /** An address a browser can show or save: of an image as it is or as the network sees it, or of a result. */
  imageUrl(id: string, seenBy?: string): Promise<string>;
  artifactUrl(digest: string, ending: Ending): Promise<string>;
  subscribe(listener: (event: JobEvent | ScanEvent) => void): () => void;
  onConnection(listener: (state: Connection) => void): () => void;
}
