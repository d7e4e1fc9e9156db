/** The chosen unit's map, enlarged and crisp; pointing at it names the neuron. */
import { useMemo } from "preact/hooks";
import type { Frame } from "../hosts/host";
import type { UnitLooked } from "../schema";
import * as state from "../store/state";
import { type Scale, suited } from "../views/colors";
import { Pixels, pictureOf } from "../views/pixels";

const NOTHING = { data: new Float32Array(1), shape: [1, 1] };

/** The scale of the unit's map by itself, over both images where two are compared. */
export function unitScale(): Scale {
  const shown = [state.unitLooked.value, state.other.value ? state.unitLookedOther.value : null].filter((each) => each !== null);
  return suited(Math.min(...shown.map((each) => each.header.low), 0), Math.max(...shown.map((each) => each.header.high), 0));
}

interface UnitMapProps {
  frame?: Frame<UnitLooked> | null;
  fade?: boolean;
  class?: string;
  of?: string;
}

export function UnitMap({ frame = state.unitLooked.value, fade = false, class: kind = "", of = "" }: UnitMapProps) {
  const scale = unitScale();
  const tuning = { boost: state.boost.value, gamma: state.gamma.value };
  const map = frame?.arrays.map ?? NOTHING;
  const picture = useMemo(
    () => pictureOf({ data: map.data, shape: [1, ...map.shape] }, scale, tuning, fade),
    [map, scale.map, scale.high, tuning.boost, tuning.gamma, fade],
  );
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const part = (offset: number, length: number, count: number) => Math.max(0, Math.min(Math.floor((offset / length) * count), count - 1));
    state.neuron.value = {
      x: part(event.clientX - box.left, box.width, picture.width),
      y: part(event.clientY - box.top, box.height, picture.height),
    };
  };
  return (
    <Pixels
      picture={picture}
      label={`Activation of ${frame?.header.unit ?? "the unit"}${of}`}
      class={`crisp ${kind}`}
      {...(frame && !fade && { shown: `unit:${frame.header.unit}` })}
      {...(fade ? {} : { onPointerMove: point, onPointerLeave: () => (state.neuron.value = null) })}
    />
  );
}
