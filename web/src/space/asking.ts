/** Asks for what space shows: where layers lie, the tiles of those in sight before the others, and a unit's numbers. */
import { batch, computed, effect } from "@preact/signals";
import type { Host } from "../hosts/host";
import type { AskNeuron, AskSpaceTiles } from "../schema";
import { newest } from "../store/newest";
import { spacePlace, spacePython } from "../store/places/space_place";
import { report, STILL, sentence } from "../store/requests";
import * as app from "../store/state";
import * as state from "./state";

const MANY = 40; // planes, for which the tiles of each are smaller
const OVER = 12; // images the rate is taken over
const open = computed(() => spacePlace.value !== null);
const every = computed(() => spacePlace.value?.every ?? false);
let times: number[] = [];

const lieOut = newest<[Host, string, boolean]>(async ([host, network, every]) => {
  try {
    const found = await host.call("space", { network, every });
    batch(() => {
      state.space.value = found;
      state.tiles.value = new Map();
      state.hidden.value = new Set();
      state.inSight.value = [];
      state.tilesOf.value = state.trouble.value = "";
      state.hovered.value = state.neuron.value = null;
    });
  } catch (error) {
    state.trouble.value = sentence(error);
  }
});

const look = newest<[Host, AskSpaceTiles, readonly number[]]>(async ([host, ask, numbers]) => {
  const asked = state.space.peek();
  try {
    const { header, arrays } = await host.frame("space_tiles", ask);
    if (state.space.peek() !== asked) return;
    const pixels = arrays.pixels?.data as Uint8Array;
    const next = new Map(state.tiles.peek());
    header.planes.forEach((told, i) => {
      const size = told.width * told.height * told.columns * told.rows;
      next.set(numbers[i]!, { told, pixels: pixels.subarray(told.start, told.start + size), image: ask.image });
    });
    batch(() => {
      if (state.tilesOf.value !== ask.image) count();
      state.tiles.value = next;
      state.classes.value = header.classes;
      state.tilesOf.value = app.lookedOf.value = ask.image;
    });
  } catch (error) {
    report(error);
    state.trouble.value = sentence(error);
  }
});

const askNeuron = newest<[Host, AskNeuron]>(async ([host, ask]) => {
  try {
    const found = await host.frame("neuron", ask);
    batch(() => {
      state.neuron.value = found;
      state.neuronTrouble.value = "";
      spacePython.value = found.header.python;
    });
  } catch (error) {
    batch(() => {
      state.neuron.value = null;
      state.neuronTrouble.value = sentence(error);
    });
  }
});

function count(): void {
  times = [...times, performance.now()].slice(-OVER);
  const took = (times.at(-1) ?? 0) - (times[0] ?? 0);
  state.rate.value = took > 0 ? (1000 * (times.length - 1)) / took : 0;
}

/** The planes to ask for next: those in sight whose tiles are of another image, else all others; none but the image. */
function wanted(image: string): number[] {
  const { planes } = state.space.value ?? { planes: [] };
  const missing = (number: number) =>
    planes[number]?.layer !== "input" && state.isShown(number) && state.tiles.value.get(number)?.image !== image;
  const first = state.inSight.value.filter(missing);
  if (first.length || app.live.value) return first;
  return state.inSight.value.length ? planes.map((_, number) => number).filter(missing) : [];
}

/** Asks now, and from now on; gives a way to end that. */
export function follow(): () => void {
  const ends = [
    effect(() => {
      const [host, network] = [app.host.value, app.network.value];
      if (host && network && open.value) void lieOut([host, network.name, every.value]);
    }),
    effect(() => {
      const [host, network, image] = [app.host.value, app.network.value, app.image.value];
      if (!host || !network || !image || state.space.value?.network !== network.name) return;
      const numbers = wanted(image);
      if (!numbers.length) return;
      const layers = numbers.map((number) => state.space.value!.planes[number]!.layer);
      const most = app.live.value || numbers.length > MANY ? 256 : 512;
      void look([host, { network: network.name, layers, image, most, hidden: [...app.hidden.value] }, numbers]);
    }),
    effect(() => {
      const [host, network, image, hit] = [app.host.value, app.network.value, app.image.value, state.about.value];
      const plane = state.planeOf(hit);
      if (!host || !network || !image || !hit || !plane || hit.channel < 0 || plane.layer === "input") {
        state.neuron.value = null;
        state.neuronTrouble.value = "";
        return;
      }
      const ask = { network: network.name, image, layer: plane.layer, channel: hit.channel };
      const timer = setTimeout(() => void askNeuron([host, ask]), STILL);
      return () => clearTimeout(timer);
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
