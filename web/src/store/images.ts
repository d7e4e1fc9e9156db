/** The pictures at hand: which one is on screen, which one beside it, and another one. */
import { batch } from "@preact/signals";
import type { ImageInfo } from "../schema";
import { stopBlinking } from "./blink";
import { readyHost, report } from "./requests";
import * as state from "./state";

export function showImage(id: string): void {
  batch(() => {
    if (id === state.image.value) return;
    state.image.value = id;
    state.hidden.value = [];
  });
}

/** The image `step` further on in the list, round its ends. */
export function showNext(step: number): void {
  const rows = state.images.value;
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.id === state.image.value);
  const next = rows[(at + step + rows.length) % rows.length];
  if (!next) return;
  showImage(next.id);
  state.said.value = `Picture ${next.name}.`;
}

/** Uploads a picture and puts it into the list, the newest first; it is shown if wanted. */
export async function addImage(data: Blob, name: string, show = true): Promise<ImageInfo | null> {
  const host = state.host.value;
  if (!host) return null;
  try {
    const info = await host.upload(data, name);
    batch(() => {
      if (!state.images.value.some((row) => row.id === info.id)) state.images.value = [info, ...state.images.value];
      if (show) showImage(info.id);
    });
    return info;
  } catch (error) {
    report(error);
    return null;
  }
}

/** Puts the picture that a result made into the list, beside the one that it was made of. */
export async function compareWithResult(digest: string, image: string): Promise<void> {
  try {
    const info = await readyHost().call("made_picture", { digest });
    batch(() => {
      if (!state.images.value.some((row) => row.id === info.id)) state.images.value = [info, ...state.images.value];
      if (image) showImage(image);
      compareWith(info.id);
      state.order.value = "change";
      state.said.value = `${info.name} is beside the picture now.`;
    });
  } catch (error) {
    report(error);
  }
}

export function compareWith(id: string): void {
  batch(() => {
    state.other.value = id === state.image.value ? "" : id;
    if (!state.other.value) stopBlinking();
    state.lookedOther.value = state.unitLookedOther.value = null;
  });
}
