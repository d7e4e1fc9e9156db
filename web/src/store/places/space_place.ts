/** Where in a network's space the page is, `#/space/NETWORK?at=…&image=…`, and back; null while another page is on screen. */
import { signal } from "@preact/signals";

export interface SpacePlace {
  /** The layer one is at, empty for none, and the channel of it, -1 for none. */
  at: string;
  channel: number;
  /** The flat page instead of space. */
  flat: boolean;
  /** Layers that only pass on have planes of their own. */
  every: boolean;
}

const BARE: SpacePlace = { at: "", channel: -1, flat: false, every: false };
/** Going Back undoes a change of these. */
export const STEPS = ["flat", "every"] as const;

export const spacePlace = signal<SpacePlace | null>(null);
/** The Python of what is on screen there. */
export const spacePython = signal("");

export function openSpace(place: Partial<SpacePlace> = {}): void {
  spacePlace.value = { ...BARE, ...place };
}

/** Changes where one is, in space. */
export function goInSpace(change: Partial<SpacePlace>): void {
  const here = spacePlace.peek();
  if (here) spacePlace.value = { ...here, ...change };
}

export function writeSpace(place: SpacePlace, network: string, image: string): string {
  const rest = new URLSearchParams();
  if (place.at) rest.set("at", place.channel < 0 ? place.at : `${place.at}:${place.channel}`);
  if (image) rest.set("image", image);
  for (const key of ["flat", "every"] as const) if (place[key]) rest.set(key, "1");
  return `#/space/${encodeURIComponent(network)}${rest.size ? `?${rest}` : ""}`;
}

/** The place a fragment means, the network and the image; null where it means none. */
export function readSpace(hash: string): (SpacePlace & { network: string; image: string }) | null {
  const match = /^#\/space\/([^?/]*)(?:\?(.*))?$/.exec(hash);
  if (!match) return null;
  const rest = new URLSearchParams(match[2] ?? "");
  const [, at = "", channel = "-1"] = /^(.*?)(?::(\d+))?$/.exec(rest.get("at") ?? "") ?? [];
  return {
    network: decodeURIComponent(match[1] ?? ""),
    image: rest.get("image") ?? "",
    at,
    channel: Number(channel),
    flat: rest.get("flat") === "1",
    every: rest.get("every") === "1",
  };
}
