/** Asks the host for what the signals say should be on screen, whenever they change. */
import { batch, effect, signal } from "@preact/signals";
import type { Frame, Host } from "../hosts/host";
import type { Ask, Fields, Look, LookUnit, Statistics } from "../schema";
import { changesOf, measured } from "./changes";
import { synthesized } from "./jobs";
import { newest } from "./newest";
import { spacePlace } from "./places/space_place";
import { report, sentence } from "./requests";
import * as state from "./state";

const TILE = 56;
const BETWEEN = 500; // milliseconds from a trace of what the camera sees to the next

/** Grows when everything on screen has to be asked for again. */
const asked = signal(0);
/** Longest side of the tiles the grid needs, in pixels of the screen. */
export const tileSide = signal(TILE);

export function askAgain(): void {
  asked.value += 1;
}

/** A kind of ask, one at a time; what went wrong is taken back as soon as it goes well again. */
function kind<A>(run: (host: Host, ask: A) => Promise<void>, failed: (error: unknown) => void = report) {
  let complaint = "";
  const say = newest<[Host, A]>(async ([host, ask]) => {
    try {
      await run(host, ask);
      if (complaint && complaint === state.problem.value) state.problem.value = "";
      complaint = "";
    } catch (error) {
      failed(error);
      complaint = state.problem.value;
    }
  });
  return (host: Host, ask: A) => void say([host, ask]);
}

/** Whether an answer about this layer is still wanted; one about an earlier image is, or a camera would show nothing. */
function current(ask: { network: string; layer: string }): boolean {
  return ask.network === state.network.value?.name && ask.layer === state.layer.value;
}

const look = kind<Look>(async (host, ask) => {
  const frame = await host.frame("look", ask);
  if (!current(ask)) return;
  batch(() => {
    state.looked.value = frame;
    state.lookedOf.value = ask.image;
  });
  void fetchFields(host, ask.network, ask.layer);
});

const lookOther = kind<Look>(async (host, ask) => {
  const frame = await host.frame("look", ask);
  if (current(ask) && state.other.value) state.lookedOther.value = frame;
});

const lookUnit = kind<LookUnit>(async (host, ask) => {
  const frame = await host.frame("unit", ask);
  if (current(ask)) state.unitLooked.value = frame;
});

const lookUnitOther = kind<LookUnit>(async (host, ask) => {
  const frame = await host.frame("unit", ask);
  if (current(ask) && state.other.value) state.unitLookedOther.value = frame;
});

const traceBack = kind<Ask>(
  async (host, ask) => {
    const frame = await host.frame("ask", ask);
    batch(() => {
      state.trace.value = state.mode.value === "off" ? null : frame;
      state.traceProblem.value = "";
    });
    // a trace costs as much as two grids: from the camera the grids go first
    if (state.live.value && !state.frozen.value) await new Promise((done) => setTimeout(done, BETWEEN));
  },
  (error) => {
    state.trace.value = null;
    state.traceProblem.value = sentence(error);
  },
);

const known = new Map<string, Frame<Fields>>();

/** What each neuron of a layer sees: once a layer, so that moving the pointer asks for nothing. */
async function fetchFields(host: Host, network: string, layer: string): Promise<void> {
  const key = JSON.stringify([network, layer]);
  try {
    const frame = known.get(key) ?? (await host.frame("fields", { network, layer }));
    known.set(key, frame);
    if (current({ network, layer })) state.fields.value = frame;
  } catch (error) {
    report(error);
  }
}

const measure = kind<{ network: string; layer: string }>(async (host, ask) => {
  const frame: Frame<Statistics> = await host.frame("statistics", ask);
  if (current(ask)) state.statistics.value = frame;
});

const collect = kind<{ network: string; layer: string; knobs: Record<string, unknown> }>(async (host, ask) => {
  const frame = await host.frame("gallery", ask);
  if (current(ask)) state.gallery.value = frame;
});

const fetchChanges = kind<string>(async (host, digest) => {
  const frame = await host.frame("changes", { digest });
  changesOf.value = { digest, frame };
});

/** Asks now, and from now on. */
export function follow(): void {
  const place = () => {
    asked.value;
    const host = state.host.value;
    const network = state.network.value;
    const info = state.layerInfo.value;
    return host && network && info && !spacePlace.value ? { host, network: network.name, layer: info.name } : null;
  };
  const view = () => ({
    side: tileSide.value,
    hidden: [...state.hidden.value],
    reach: state.scaleOf.value === "network",
    traced: state.gridOf.value === "gradients" && state.origin.value ? state.traced.value : "",
  });

  effect(() => {
    const at = place();
    if (at && state.image.value) look(at.host, { ...ofLayer(at), image: state.image.value, ...view() });
  });
  effect(() => {
    const at = place();
    if (at && state.other.value) lookOther(at.host, { ...ofLayer(at), image: state.other.value, ...view(), hidden: [] });
  });
  effect(() => {
    const at = place();
    const ask = { channel: state.channel.value, image: state.image.value, hidden: [...state.hidden.value] };
    if (at && ask.image) lookUnit(at.host, { ...ofLayer(at), ...ask });
  });
  effect(() => {
    const at = place();
    const ask = { channel: state.channel.value, image: state.other.value, hidden: [] };
    if (at && ask.image) lookUnitOther(at.host, { ...ofLayer(at), ...ask });
  });
  effect(() => {
    const at = place();
    const technique = state.mode.value;
    if (!at || !state.image.value) return;
    if (technique === "off") {
      state.trace.value = null;
      state.traceProblem.value = "";
      return;
    }
    const subjects = { image: state.image.value, unit: state.traced.value };
    const view = { style: state.style.value, photo: false };
    // after the ask for the unit's map, which is quick and is looked at first
    queueMicrotask(() => traceBack(at.host, { network: at.network, technique, subjects, knobs: {}, view }));
  });
  effect(() => {
    const at = place();
    if (at && state.scan.value?.layers.includes(at.layer)) measure(at.host, ofLayer(at));
    else state.statistics.value = null;
  });
  effect(() => {
    const host = state.host.value;
    const job = state.other.value ? measured.value : null;
    if (host && job && job.artifact !== changesOf.peek()?.digest) fetchChanges(host, job.artifact);
  });
  effect(() => {
    const at = place();
    synthesized.value;
    if (at && state.gridOf.value === "synthesized") collect(at.host, { ...ofLayer(at), knobs: state.recipe.value });
  });
}

function ofLayer(at: { network: string; layer: string }): { network: string; layer: string } {
  return { network: at.network, layer: at.layer };
}
