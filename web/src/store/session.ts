/** Beginning, and beginning again: the host is asked for what there is as soon as it answers. */
import { batch } from "@preact/signals";
import type { Host } from "../hosts/host";
import type { ImageInfo } from "../schema";
import { askAgain, follow } from "./ask";
import { hear } from "./jobs";
import { report } from "./requests";
import * as state from "./state";

/** Connects to a host; `opened` is awaited once, when there is a network to show. */
export function begin(host: Host, opened: () => Promise<void>): void {
  state.host.value = host;
  host.subscribe(hear);
  host.onConnection((connection) => {
    const before = state.connection.value;
    state.connection.value = connection;
    if (connection === "connected" && (before !== "connected" || !state.session.value)) void open(host, opened);
  });
}

/** The session as the server has it now; what is on screen stays wherever it still exists. */
async function open(host: Host, opened: () => Promise<void>): Promise<void> {
  try {
    const session = await host.call("session", null);
    const first = !state.session.value;
    const known = state.network.value;
    const { network } = session;
    const same = known && network && known.digest === network.digest && known.name === network.name;
    batch(() => {
      state.session.value = session;
      state.scan.value = session.scan;
      state.images.value = session.images;
      if (!known || same) state.network.value = network;
      if (!known && network) state.layer.value = network.start;
      if (!session.images.some((row) => row.id === state.image.value)) showFirstImage(session.images, first);
      if (!session.images.some((row) => row.id === state.other.value)) state.other.value = "";
      state.problem.value = "";
      askAgain();
    });
    if (first) {
      await opened();
      follow();
    }
    state.jobs.value = (await host.call("jobs", null)).jobs;
  } catch (error) {
    report(error);
  }
}

function showFirstImage(images: readonly ImageInfo[], first: boolean): void {
  const lost = !first && state.image.value;
  state.image.value = images[0]?.id ?? "";
  if (lost) state.said.value = "The picture on screen is no longer at hand; this is the first that is.";
}
