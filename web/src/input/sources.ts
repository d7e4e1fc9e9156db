/** Where pictures come from: files, the clipboard, drops, addresses; and the pictures at hand, one after another. */
import type { ImageInfo } from "../schema";
import { showImage, showNext } from "../store/images";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import { camera } from "./camera";
import { fetchPicture, isAddress } from "./image_address";
import { stretchImage } from "./stretch";
import { complain, stretched, uploadImage } from "./upload_image";

export const nextImage = (): void => showNext(1);
export const previousImage = (): void => showNext(-1);

export async function takeFiles(files: Iterable<File>): Promise<void> {
  for (const file of files) await uploadImage(file, file.name || "pasted");
}

/** The browser fetches it, never the server. */
export async function takeAddress(address: string): Promise<boolean> {
  try {
    const { data, name } = await fetchPicture(address);
    return (await uploadImage(data, name)) !== null;
  } catch (error) {
    complain(sentence(error));
    return false;
  }
}

/** Takes what is pasted or dropped anywhere on the page; returns what to call to stop. */
export function listen(): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  document.addEventListener("paste", (event) => takeData(event, event.clipboardData), { signal });
  document.addEventListener("dragover", (event) => holdsPicture(event.dataTransfer) && event.preventDefault(), { signal });
  document.addEventListener("drop", (event) => takeData(event, event.dataTransfer), { signal });
  return () => ended.abort();
}

function holdsPicture(data: DataTransfer | null): boolean {
  return !!data && (data.types.includes("Files") || data.types.includes("text/uri-list"));
}

/** Files first; else an address, unless it is meant for a field. */
function takeData(event: Event, data: DataTransfer | null): void {
  if (!data) return;
  if (data.files.length) {
    event.preventDefault();
    void takeFiles(data.files);
    return;
  }
  if (event.target instanceof Element && event.target.closest("input, textarea")) return;
  const text = (data.getData("text/uri-list") || data.getData("text/plain")).split("\n")[0]?.trim() ?? "";
  if (!isAddress(text)) return;
  event.preventDefault();
  void takeAddress(text);
}

/** Of a picture that was stretched, the one it was before, and the other way round. */
const twins = new Map<string, string>();

/** Stretches pictures to the network's shape instead of cropping them, and back; the one on screen too. */
export async function crop(): Promise<void> {
  stretched.value = !stretched.value;
  state.said.value = stretched.value ? "Pictures are stretched to what the network takes." : "Pictures are cropped.";
  const shown = state.images.value.find((row) => row.id === state.image.value);
  const twin = shown && twins.get(shown.id);
  if (!shown || camera.value.on) return;
  if (twin) showImage(twin);
  else if (stretched.value) await stretch(shown);
}

async function stretch(shown: ImageInfo): Promise<void> {
  try {
    const picture = new Image();
    picture.src = await readyHost().imageUrl(shown.id);
    await picture.decode();
    const info = await uploadImage(await stretchImage(picture), `${shown.name}, stretched`);
    if (!info || info.id === shown.id) return;
    twins.set(shown.id, info.id);
    twins.set(info.id, shown.id);
  } catch (error) {
    complain(sentence(error));
  }
}
