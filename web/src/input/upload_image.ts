/** Taking a picture: it is uploaded, put into the list and shown; where that fails the reader is told why. */
import { batch, signal } from "@preact/signals";
import type { ImageInfo } from "../schema";
import { showImage } from "../store/images";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import { stretchFile } from "./stretch";

/** Why the last picture was not taken, in a sentence. */
export const trouble = signal("");
/** Whether new pictures are stretched to the shape the network takes, instead of cropped. */
export const stretched = signal(false);

/** The name of what is looked at and gone, such as a camera's frames: the server keeps and lists none of them. */
const PASSING = "camera";
/** What else pictures in passing are called here. */
const passed = new Set([PASSING]);

/** The pictures at hand that stay. */
export function kept(): ImageInfo[] {
  return state.images.value.filter((row) => !passed.has(row.name));
}

/** Uploads a picture and shows it. One in passing takes the place of the one before of that name. */
export async function uploadImage(data: Blob, name: string, passing = false): Promise<ImageInfo | null> {
  try {
    const sent = checked(stretched.value ? await stretchFile(data) : data);
    const answer = await readyHost().upload(sent, passing ? PASSING : name);
    if (passing) passed.add(name);
    const info = passing ? { ...answer, name } : answer;
    trouble.value = "";
    batch(() => {
      const rest = state.images.value.filter((row) => row.id !== info.id && !(passing && row.name === name));
      state.images.value = [info, ...rest];
      showImage(info.id);
      if (!passing) state.said.value = `${info.name} is on screen, ${info.width} by ${info.height} pixels.`;
    });
    return info;
  } catch (error) {
    complain(sentence(error));
    return null;
  }
}

function checked(data: Blob): Blob {
  const most = state.session.value?.limits.body ?? Infinity;
  if (data.size <= most) return data;
  const told = `${(data.size / 2 ** 20).toFixed(1)} MB`;
  throw new Error(`A picture must be a file of at most ${(most / 2 ** 20).toFixed(0)} MB, not ${told}. Make it smaller.`);
}

/** Says in the strip, and to screen readers, what went wrong. */
export function complain(why: string): void {
  batch(() => {
    trouble.value = why;
    state.said.value = why;
  });
}
