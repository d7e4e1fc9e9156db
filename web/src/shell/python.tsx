/** The Python that makes what is on screen, to copy. */
import { useSignal } from "@preact/signals";
import { shown } from "../store/page";
import { mapPython } from "../store/places/map_place";
import { spacePython } from "../store/places/space_place";
import { trainingPython } from "../store/places/training_place";
import * as state from "../store/state";

/** Of the map; in the toolbox of the trace where there is one; else of the unit's map; else of the grid. */
function line(): string {
  if (shown.value === "Training") return trainingPython.value;
  if (shown.value === "Map") return mapPython.value;
  if (shown.value === "Circuit") return state.circuitPython.value;
  if (shown.value === "Space") return spacePython.value || state.network.value?.python || "";
  const { trace, unitLooked, looked, mode } = state;
  const traced = mode.value === "off" ? "" : trace.value?.header.python;
  return traced || unitLooked.value?.header.python || looked.value?.header.python || state.network.value?.python || "";
}

export function PythonLine() {
  const copied = useSignal("");
  const text = line();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = text;
      state.said.value = "The Python line is copied.";
    } catch {
      state.problem.value = "The browser does not let this page use the clipboard. Select the line and copy it by hand.";
    }
  };
  return (
    <footer class="python">
      <span class="quiet">Python</span>
      <code tabIndex={0} role="textbox" aria-readonly="true" aria-label="The Python that makes this">
        {text}
      </code>
      <button type="button" disabled={!text} onClick={() => void copy()}>
        {copied.value === text && text ? "Copied" : "Copy"}
      </button>
    </footer>
  );
}
