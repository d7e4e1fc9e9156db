/** The camera: its newest frame goes to the server, one at a time, and is the picture on screen. */
import { effect, signal } from "@preact/signals";
import { newest } from "../store/newest";
import * as state from "../store/state";
import { networkSize, sizeToSend } from "./stretch";
import { complain, uploadImage } from "./upload_image";

export const NAME = "camera"; // of its frames; the strip keeps the last
const LONGEST = 2000; // milliseconds to wait for the grid of a frame before the next is sent
const OVER = 12; // frames the rate is taken over

export const camera = signal<{ on: boolean; rate: number }>({ on: false, rate: 0 });

let screen: HTMLVideoElement | null = null;
let stream: MediaStream | null = null;
let sheet: HTMLCanvasElement | null = null;
let shown: number[] = [];

/** Where the camera is seen. */
export function video(): HTMLVideoElement {
  if (screen) return screen;
  screen = document.createElement("video");
  screen.muted = screen.playsInline = true;
  return screen;
}

export async function toggleCamera(): Promise<void> {
  if (stream) return stop("The camera is off.");
  try {
    stream = await open();
    video().srcObject = stream;
    await video().play();
  } catch (error) {
    stop();
    complain(explained(error));
    return;
  }
  stream.getVideoTracks()[0]?.addEventListener("ended", () => stop("The camera was taken away."));
  state.frozen.value = false;
  shown = [];
  camera.value = { on: true, rate: 0 };
  state.live.value = true;
  state.said.value = "The camera is on.";
  follow();
}

export function toggleFreeze(): void {
  if (!camera.value.on) {
    state.said.value = "There is nothing to freeze: the camera is off.";
    return;
  }
  state.frozen.value = !state.frozen.value;
  state.said.value = state.frozen.value ? "The camera is frozen." : "The camera goes on.";
}

async function open(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new DOMException("", "InsecureContext");
  return navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } } });
}

function stop(why = ""): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video().srcObject = null;
  camera.value = { on: false, rate: 0 };
  state.live.value = false;
  if (why) state.said.value = why;
}

/** Why there is no camera, in a sentence. */
export function explained(error: unknown): string {
  const upload = "A picture file, a pasted picture or a drawing works too.";
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
      return `The browser was told not to show this page the camera. Allow it beside the page's address. ${upload}`;
    case "NotFoundError":
      return `There is no camera here. ${upload}`;
    case "NotReadableError":
      return `Another program has the camera. Close it there and try again. ${upload}`;
    case "InsecureContext":
      return `A browser shows the camera only to pages from this computer or over https. Open the explorer as 127.0.0.1. ${upload}`;
    default:
      return `The camera could not be opened (${error instanceof Error ? error.message : String(error)}). ${upload}`;
  }
}

/** Offers a frame whenever the video has one; the pace is that of the answers. */
function follow(): void {
  const own = stream;
  const offer = () => {
    if (!stream || stream !== own) return;
    if (!state.frozen.value) void send(own);
    video().requestVideoFrameCallback(offer);
  };
  video().requestVideoFrameCallback(offer);
}

/** The frame is taken only when it is its turn, so it is the newest there is. */
const send = newest<MediaStream>(async (own) => {
  if (stream !== own || state.frozen.value) return;
  const frame = await grab();
  const painted = nextLook();
  if (!frame || !(await uploadImage(frame, NAME, true))) {
    if (frame) stop();
    return;
  }
  await painted;
  count();
});

async function grab(): Promise<Blob | null> {
  const { videoWidth, videoHeight } = video();
  if (!videoWidth) return null;
  sheet ??= document.createElement("canvas");
  [sheet.width, sheet.height] = sizeToSend(videoWidth, videoHeight, networkSize());
  sheet.getContext("2d")?.drawImage(video(), 0, 0, sheet.width, sheet.height);
  const drawn = sheet;
  return new Promise((done) => drawn.toBlob(done, "image/jpeg", 0.85));
}

/** Settles when the grid, or the tiles, of another image are there, or after a while without. */
function nextLook(): Promise<void> {
  return new Promise((done) => {
    const before = state.lookedOf.peek();
    const timer = setTimeout(finish, LONGEST);
    const watching = effect(() => {
      if (state.lookedOf.value !== before) finish();
    });
    function finish(): void {
      clearTimeout(timer);
      queueMicrotask(() => watching());
      done();
    }
  });
}

function count(): void {
  shown = [...shown, performance.now()].slice(-OVER);
  const first = shown[0] ?? 0;
  const last = shown.at(-1) ?? 0;
  if (camera.value.on && last > first) camera.value = { on: true, rate: (1000 * (shown.length - 1)) / (last - first) };
}
