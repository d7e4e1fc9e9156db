/** Which network, layer and channel are on screen. */
import { batch } from "@preact/signals";
import { report } from "./requests";
import * as state from "./state";

/** Shows another network, and of it the layer and channel wanted, or where it starts. */
export async function openNetwork(name: string, layer = "", channel = 0): Promise<void> {
  const host = state.host.value;
  if (!host || name === state.network.value?.name) return;
  state.said.value = `Opening ${name}.`;
  try {
    const network = await host.call("network", { network: name });
    batch(() => {
      state.network.value = network;
      state.layer.value = layer || network.start;
      state.channel.value = channel;
      state.origin.value = null;
      state.hidden.value = [];
      state.looked.value = state.lookedOther.value = null;
      state.unitLooked.value = state.unitLookedOther.value = null;
      state.trace.value = state.fields.value = null;
      state.said.value = `${network.title} is open.`;
    });
  } catch (error) {
    report(error);
  }
}

/** Selects a layer, and a channel of it: the one before, as far as there are as many. */
export function select(layer: string, channel?: number): void {
  const info = state.network.value?.layers.find((row) => row.name === layer);
  if (!info) return;
  const changed = layer !== state.layer.value;
  batch(() => {
    state.layer.value = layer;
    state.channel.value = clamp(channel ?? (changed ? 0 : state.channel.value), info.units);
    if (changed) state.neuron.value = null;
  });
}

export function selectChannel(channel: number): void {
  const info = state.layerInfo.value;
  if (info) state.channel.value = clamp(channel, info.units);
}

function clamp(channel: number, units: number): number {
  return Math.max(0, Math.min(Math.trunc(channel), units - 1));
}
