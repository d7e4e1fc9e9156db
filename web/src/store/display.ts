/** How what is selected is shown: traced in which way, drawn in which style, pinned, reset. */
import { batch } from "@preact/signals";
import { stopBlinking } from "./blink";
import * as state from "./state";

/** Keeps tracing this unit while others are browsed; again, and the selected one is traced. */
export function togglePin(): void {
  const pinned = state.origin.value;
  state.origin.value = pinned ? null : { layer: state.layer.value, channel: state.channel.value };
  if (pinned && state.gridOf.value === "gradients") state.gridOf.value = "activations";
  state.said.value = pinned ? "The selected unit is traced." : `${state.unit.value} stays traced.`;
}

/** The grid shows the pinned unit's gradient in whichever layer is on screen, or activations again. */
export function toggleGradients(): void {
  if (!state.origin.value) {
    state.said.value = state.problem.value = "Pin a unit first (d): the grid then shows its gradient in the layers before it.";
    return;
  }
  state.gridOf.value = state.gridOf.value === "gradients" ? "activations" : "gradients";
}

export function cycleMode(): void {
  state.mode.value = following(state.MODES, state.mode.value);
}

export function cycleStyle(): void {
  state.style.value = following(state.STYLES, state.style.value);
}

function following<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length] as T;
}

/** Back to how the page begins, except for network, layer, unit and image. */
export function reset(): void {
  batch(() => {
    state.origin.value = state.neuron.value = null;
    state.mode.value = "guided_backprop";
    state.style.value = "signed";
    state.scaleOf.value = "layer";
    state.gridOf.value = "activations";
    state.order.value = "number";
    state.boost.value = state.gamma.value = 1;
    state.hidden.value = [];
    state.other.value = "";
    stopBlinking();
    state.lookedOther.value = state.unitLookedOther.value = null;
    state.problem.value = "";
    state.frozen.value = false;
  });
}
