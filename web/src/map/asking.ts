/** Asks the host for what the map page needs, whenever its address says otherwise. */
import { batch, effect } from "@preact/signals";
import type { Arr } from "../hosts/host";
import type { MapHeader } from "../schema";
import { mapPlace, mapPython, move } from "../store/places/map_place";
import { readyHost, report, sentence } from "../store/requests";
import * as app from "../store/state";
import { read, written } from "./drawing/camera";
import { laidOut } from "./drawing/nesting";
import { Pictures } from "./drawing/pictures";
import { onGrid, squared } from "./drawing/places";
import * as state from "./state";

const STILL = 400; // milliseconds the camera rests before the address says where it is

let opened = "";

/** Opens a map, the newest where none is named. */
async function open(digest: string): Promise<void> {
  opened = digest;
  forget();
  try {
    state.maps.value = (await readyHost().call("maps", null)).maps;
    const wanted = digest || state.maps.value[0]?.digest;
    if (!wanted) return;
    const found = await readyHost().frame("map", { digest: wanted });
    if (digest !== opened) return;
    const order = Uint32Array.from(found.arrays.order!.data);
    const places = squared(found.arrays.points!);
    batch(() => {
      state.map.value = found;
      state.layouts.value = places.map((each) => laidOut(each, order));
      state.selection.value = new Uint8Array(found.header.images);
      state.pictures.value = new Pictures(found.header, found.arrays.slots?.data ?? new Int32Array());
      mapPython.value = found.header.python;
      opened = wanted;
      if (digest !== wanted) mapPlace.value = { ...mapPlace.value!, digest: wanted };
      if (state.at.value >= found.header.images) move({ at: -1 });
    });
    app.said.value = `Map of ${found.header.images} images at ${found.header.layer}.`;
  } catch (error) {
    if (digest === opened) state.trouble.value = digest ? `This map is not at hand any more: ${sentence(error)}` : sentence(error);
  }
}

function forget(): void {
  batch(() => {
    state.pictures.value?.end();
    state.map.value = state.colors.value = state.grid.value = state.pictures.value = null;
    state.layouts.value = [];
    state.hovered.value = -1;
    state.trouble.value = state.selectedBy.value = mapPython.value = "";
  });
}

async function fetchGrid(digest: string, snapshot: number): Promise<void> {
  try {
    const found = await readyHost().frame("map_grid", { digest, snapshot });
    const order = state.map.value?.arrays.order;
    if (state.header.value?.digest !== digest || !order) return;
    const { places, side } = onGrid(found.arrays.cells as Arr, found.header);
    state.grid.value = { ...laidOut(places, Uint32Array.from(order.data)), side };
  } catch (error) {
    batch(() => {
      report(error);
      move({ layout: "map" });
    });
  }
}

async function fetchColors(header: MapHeader, color: string): Promise<void> {
  const [by = "", unit = ""] = color.split(" ");
  const [, layer = "", channel = "0"] = /^(.*):(\d+)$/.exec(unit) ?? [];
  try {
    if (by !== "prediction" && by !== "error" && by !== "split" && by !== "unit") return;
    const found = await readyHost().frame("map_colors", { digest: header.digest, by, layer, channel: Number(channel) });
    if (mapPlace.value?.color === color && state.header.value === header) state.colors.value = found;
  } catch (error) {
    batch(() => {
      report(error);
      move({ color: "class" });
    });
  }
}

/** Asks now and from now on; returns what ends that. */
export function follow(): () => void {
  state.camera.value = read(mapPlace.peek()?.view ?? "");
  const ends = [
    effect(() => {
      const digest = mapPlace.value?.digest;
      const ready = app.host.value;
      if (ready && digest !== undefined && (digest !== opened || !digest)) void open(digest);
    }),
    effect(() => {
      const [place, header] = [mapPlace.value, state.header.value];
      if (!header || place?.layout !== "grid") return;
      state.grid.value = null;
      void fetchGrid(header.digest, Math.round(state.snapshot.value));
    }),
    effect(() => {
      const header = state.header.value;
      const color = mapPlace.value?.color ?? "class";
      state.colors.value = null;
      if (header) void fetchColors(header, color);
    }),
    followCamera(),
  ];
  return () => {
    for (const end of ends) end();
    opened = "";
    forget();
  };
}

/** The camera where the address says, and the address where the camera rests. */
function followCamera(): () => void {
  let timer = 0;
  const there = effect(() => {
    const view = mapPlace.value?.view ?? "";
    if (view !== written(state.camera.peek())) state.camera.value = read(view);
  });
  const here = effect(() => {
    const view = written(state.camera.value);
    clearTimeout(timer);
    timer = window.setTimeout(() => move({ view }), STILL);
  });
  return () => {
    clearTimeout(timer);
    there();
    here();
  };
}
