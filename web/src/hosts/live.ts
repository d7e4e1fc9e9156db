/** The host that is a live server: JSON and frames over HTTP, events over one WebSocket that is opened again when lost. */
import type { Framed, ImageInfo, JobEvent, Plain, Problem, ScanEvent } from "../schema";
import { decode } from "./frame";
import { type Connection, type Ending, type Frame, type Host, HostError } from "./host";
import { takeToken, tokenIn } from "./token";

type Event = JobEvent | ScanEvent;

const GONE = "The explorer's server does not answer. What you see is kept; the page connects again by itself.";
const DENIED = "This page has no valid token. Open the link that `convscope explore` printed in its terminal; it ends in #token=….";
const KEPT_PICTURES = 96;

/** Seconds to wait before the n-th attempt to connect again. */
export function patience(attempt: number): number {
  return Math.min(0.25 * 2 ** attempt, 5);
}

export function live(): Host {
  return new Live();
}

class Live implements Host {
  #token = takeToken();
  #connection: Connection = "connecting";
  #attempt = 0;
  #timer = 0;
  #socket: WebSocket | null = null;
  #listeners = new Set<(event: Event) => void>();
  #watchers = new Set<(state: Connection) => void>();
  #pictures = new Map<string, Promise<string>>();

  constructor() {
    addEventListener("hashchange", () => this.#renew());
    addEventListener("online", () => this.#connect());
    this.#connect();
  }

  async call<K extends keyof Plain>(method: K, body: Plain[K][0]): Promise<Plain[K][1]> {
    const answer = await this.#fetch(`/api/${method}`, request(body));
    return (await answer.json()) as Plain[K][1];
  }

  async frame<K extends keyof Framed>(method: K, body: Framed[K][0], signal?: AbortSignal): Promise<Frame<Framed[K][1]>> {
    const answer = await this.#fetch(`/api/${method}`, { ...request(body), ...(signal && { signal }) });
    return decode<Framed[K][1]>(await answer.arrayBuffer());
  }

  async upload(data: Blob, name: string): Promise<ImageInfo> {
    const headers = { "X-Name": encodeURIComponent(name), "Content-Type": data.type || "application/octet-stream" };
    const answer = await this.#fetch("/api/images", { method: "POST", body: data, headers });
    return (await answer.json()) as ImageInfo;
  }

  imageUrl(id: string, seenBy = ""): Promise<string> {
    return this.#picture(`/api/images/${id}.png${seenBy && `?seen=${encodeURIComponent(seenBy)}`}`);
  }

  artifactUrl(digest: string, ending: Ending): Promise<string> {
    return this.#picture(`/api/artifacts/${digest}.${ending}`);
  }

  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onConnection(listener: (state: Connection) => void): () => void {
    this.#watchers.add(listener);
    listener(this.#connection);
    return () => this.#watchers.delete(listener);
  }

  /** Fetched with the token, because an `<img>` cannot send one; the newest are kept. */
  #picture(path: string): Promise<string> {
    const known = this.#pictures.get(path);
    const url = known ?? this.#fetch(path).then(async (answer) => URL.createObjectURL(await answer.blob()));
    this.#pictures.delete(path);
    this.#pictures.set(path, url);
    url.catch(() => this.#pictures.delete(path));
    if (this.#pictures.size > KEPT_PICTURES) this.#drop();
    return url;
  }

  #drop(): void {
    const [path, url] = this.#pictures.entries().next().value as [string, Promise<string>];
    this.#pictures.delete(path);
    url.then(
      (old) => URL.revokeObjectURL(old),
      () => undefined,
    );
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.#token}` };
    let answer: Response;
    try {
      answer = await fetch(path, { ...init, headers, cache: "no-store" });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      this.#say("gone");
      this.#later();
      throw new HostError(GONE, "Gone", true);
    }
    if (answer.status === 401) {
      this.#say("denied");
      throw new HostError(DENIED, "Denied", false, true);
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  #connect(): void {
    if (!this.#token) this.#say("denied");
    if (this.#socket || !this.#token) return;
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/events`;
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ token: this.#token }));
      this.#attempt = 0;
      this.#say("connected");
    };
    socket.onmessage = (message) => this.#hear(JSON.parse(String(message.data)) as Event);
    socket.onclose = () => this.#lost(socket);
  }

  #hear(event: Event): void {
    this.#say("connected");
    for (const listener of this.#listeners) listener(event);
  }

  /** A refused handshake and a dead server look alike from here: asking for the jobs tells them apart. */
  #lost(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.call("jobs", null).then(
      () => this.#later(),
      (error: unknown) => {
        if (!(error instanceof HostError && (error.gone || error.denied))) this.#later();
      },
    );
  }

  #later(): void {
    if (this.#socket || this.#timer) return;
    this.#timer = window.setTimeout(
      () => {
        this.#timer = 0;
        this.#connect();
      },
      1000 * patience(this.#attempt++),
    );
  }

  /** The reader opened another link in this tab: a server that was started again has a new token. */
  #renew(): void {
    const token = tokenIn(location.hash);
    if (!token) return;
    this.#token = takeToken();
    this.#attempt = 0;
    const old = this.#socket;
    this.#socket = null;
    old?.close();
    this.#connect();
  }

  #say(state: Connection): void {
    if (state === this.#connection) return;
    this.#connection = state;
    for (const watcher of this.#watchers) watcher(state);
  }
}

/** A POST of JSON, or a GET where there is nothing to say. */
function request(body: unknown): RequestInit {
  return body === null ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

async function refusal(answer: Response): Promise<HostError> {
  try {
    const problem = (await answer.json()) as Problem;
    return new HostError(problem.error, problem.kind);
  } catch {
    return new HostError(`The server refused this with ${answer.status} ${answer.statusText}.`, "Refused");
  }
}
