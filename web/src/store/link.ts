/** Keeps the page's address at what is on screen, and what is on screen at the address. */
import { batch, effect } from "@preact/signals";
import { tokenIn } from "../hosts/token";
import { nearest, type Place, parseUnit, read, write } from "./address";
import { STEPS as MAP_STEPS, mapPlace, readMap, writeMap } from "./places/map_place";
import { readSpace, STEPS as SPACE_STEPS, spacePlace, writeSpace } from "./places/space_place";
import { readTraining, trainingPlace } from "./places/training_place";
import { openNetwork } from "./selection";
import * as state from "./state";

/** Going Back undoes a change of these; the others only change the address. */
const STEPS = ["network", "layer", "channel", "image", "mode", "page"] as const;
const WALK = 800; // steps of one kind quicker than this, in milliseconds, are one step Back: a held key, a running camera

function shown(): Place {
  const origin = state.origin.value;
  return {
    network: state.network.value?.name ?? "",
    layer: state.layer.value,
    channel: state.channel.value,
    image: state.image.value,
    other: state.other.value,
    origin: origin ? `${origin.layer}:${origin.channel}` : "",
    page: state.page.value,
    mode: state.mode.value,
    style: state.style.value,
    scale: state.scaleOf.value,
    grid: state.gridOf.value,
    order: state.order.value,
    boost: state.boost.value,
    gamma: state.gamma.value,
  };
}

/** The address of what is on screen, its title, and the values whose change is a step; null before there is a network. */
function address(): { hash: string; title: string; steps: Record<string, unknown> } | null {
  const training = trainingPlace.value;
  if (training) return { hash: training, title: "Training", steps: { training: training.replace(/at=\d+/, "") } };
  const map = mapPlace.value;
  if (map) return { hash: writeMap(map), title: "Map", steps: picked(map, MAP_STEPS) };
  const place = shown();
  if (!place.network) return null;
  const space = spacePlace.value;
  if (space) {
    const hash = writeSpace(space, place.network, place.image);
    return { hash, title: `${place.network} in space`, steps: { ...picked(space, SPACE_STEPS), image: place.image } };
  }
  return { hash: write(place), title: `${place.layer}:${place.channel} · ${place.network}`, steps: picked(place, STEPS) };
}

function picked<T extends object>(place: T, keys: readonly (keyof T & string)[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, place[key]]));
}

let last: Record<string, unknown> | null = null;
let walked = ""; // what the last step changed
let stepped = -Infinity;

/** Makes the next change a step of its own for going Back, however soon it comes. */
export function apart(): void {
  walked = "";
}

/** Shows a place as far as it exists here, and says what does not. */
async function show(place: Place): Promise<void> {
  const why: string[] = [];
  last = null; // going Back is no new step
  const here = state.network.value;
  if (place.network && here && place.network !== here.name) {
    if (state.session.value?.networks.includes(place.network)) await openNetwork(place.network, place.layer, place.channel);
    else why.push(`There is no network ${place.network} here; this is ${here.title}.`);
  }
  const info = state.network.value;
  if (!info) return;
  const near = nearest(info, place.layer || info.start, place.channel);
  const has = (id: string) => state.images.value.some((row) => row.id === id);
  if (near.why) why.push(near.why);
  if (place.image && !has(place.image)) why.push("The picture of this link is not at hand here; this is another.");
  const origin = parseUnit(place.origin);
  last = null;
  batch(() => {
    state.layer.value = near.layer;
    state.channel.value = Math.max(0, near.channel);
    if (has(place.image)) state.image.value = place.image;
    state.other.value = has(place.other) ? place.other : "";
    state.origin.value = origin && !nearest(info, origin.layer, origin.channel).why ? origin : null;
    state.page.value = place.page;
    state.mode.value = place.mode;
    state.style.value = place.style;
    state.scaleOf.value = place.scale;
    state.gridOf.value = place.grid;
    state.order.value = place.order;
    state.boost.value = place.boost;
    state.gamma.value = place.gamma;
    state.problem.value = why.join(" ");
  });
}

/** Keeps the address at what is on screen. */
function follow(): void {
  effect(() => {
    const here = address();
    if (!here) return;
    document.title = `${here.title} · convscope`;
    const before = last;
    last = here.steps;
    if (here.hash === location.hash) return;
    const names = Object.keys({ ...before, ...here.steps });
    const step = before ? names.filter((key) => before[key] !== here.steps[key]).join() : "";
    const now = performance.now();
    const push = step && !(step === walked && now - stepped < WALK);
    if (step) [walked, stepped] = [step, now];
    if (push) history.pushState(null, "", here.hash);
    else history.replaceState(null, "", here.hash);
  });
}

/** Opens the network and the image of an address in space; false where there is no such network, which is said. */
async function networkOf({ network, image }: { network: string; image: string }): Promise<boolean> {
  last = null;
  if (network && network !== state.network.value?.name) {
    if (!state.session.value?.networks.includes(network)) {
      state.problem.value = `There is no network ${network} here; this is ${state.network.value?.title}.`;
      return false;
    }
    await openNetwork(network);
  }
  if (state.images.value.some((row) => row.id === image)) state.image.value = image;
  mapPlace.value = null;
  return true;
}

/** Shows what the address says, if it says anything. */
async function showAddress(): Promise<void> {
  const nothingElse = !state.network.value && !!state.session.value?.runs;
  trainingPlace.value = readTraining(location.hash) ?? (nothingElse ? "#/training" : null);
  if (trainingPlace.value) {
    last = null;
    return;
  }
  const map = readMap(location.hash);
  const space = readSpace(location.hash);
  const place = map || space || tokenIn(location.hash) ? null : read(location.hash);
  if (space || map || place) spacePlace.value = space && (await networkOf(space)) ? space : null;
  if (map) {
    last = null; // going Back is no new step
    mapPlace.value = map;
  }
  if (!place || !state.network.value) return;
  await show(place);
  mapPlace.value = null;
}

export const link = {
  /** Shows what the address says, then keeps it at what is on screen. */
  async begin(): Promise<void> {
    await showAddress();
    follow();
    addEventListener("popstate", () => void showAddress());
  },
};
