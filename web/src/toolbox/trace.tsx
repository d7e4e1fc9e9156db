/** Backprop: the chosen unit, or the pinned one, traced back to the pixels. */
import type { Signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { togglePin } from "../store/display";
import * as state from "../store/state";
import { PLAIN, type Scale } from "../views/colors";
import { ColorBar, Pixels, pictureOf } from "../views/pixels";
import { Choice, Segments, Toggle } from "./controls";

const MODES = [
  ["off", "Off"],
  ["saliency", "Gradient"],
  ["guided_backprop", "Guided"],
  ["deconvnet", "Deconv"],
] as const;
const STYLES = [
  ["signed", "signed"],
  ["absolute", "absolute"],
  ["grey", "grey"],
  ["color", "colors"],
  ["over", "over picture"],
] as const;

interface Panel {
  title: string;
  array: string;
  scale: Scale | null;
}

export function Trace() {
  const pinned = state.origin.value;
  return (
    <figure class="map trace">
      <figcaption>
        Traced back{" "}
        <span class="quiet">
          {pinned ? (
            <>
              of <code>{state.traced.value}</code>, pinned
            </>
          ) : (
            "to the picture"
          )}
        </span>
      </figcaption>
      <div class="maps">
        <Drawn />
      </div>
      {state.hidden.value.length > 0 && <p class="quiet">Traced in the whole picture, without hidden parts.</p>}
    </figure>
  );
}

export function TraceTools() {
  return (
    <div class="tool-row trace-tools">
      <Segments label="How the unit is traced back" value={state.mode as Signal<string>} options={MODES} />
      <Choice label="as" value={state.style as Signal<string>} options={STYLES} />
      <Toggle on={state.origin.value !== null} onToggle={togglePin} title="Keep tracing this unit while looking at others (d)">
        Pin
      </Toggle>
    </div>
  );
}

function Drawn() {
  const frame = state.trace.value;
  const panel = (frame?.header.spec.panels as Panel[] | undefined)?.[0];
  const array = panel && frame?.arrays[panel.array];
  const picture = useMemo(() => (array ? pictureOf(array, panel.scale) : null), [array]);
  if (state.mode.value === "off") return <div class="blank quiet">Off</div>;
  if (state.traceProblem.value)
    return (
      <div class="blank quiet" role="note">
        {state.traceProblem.value}
      </div>
    );
  if (!picture || !panel || !frame) return <div class="blank" />;
  return (
    <>
      <Pixels
        picture={picture}
        label={`${frame.header.technique.replaceAll("_", " ")} of ${frame.header.unit}: ${panel.title}`}
        class="crisp"
        shown={`trace:${frame.header.technique}/${frame.header.unit}`}
      />
      {panel.scale && <ColorBar scale={panel.scale} tuning={PLAIN} of="the trace" />}
    </>
  );
}
