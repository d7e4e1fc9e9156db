/** The page of a training: how it goes, what it can be asked, and what the network looks like at any step. */
import { useEffect } from "preact/hooks";
import { Charts } from "./chart";
import { Controls } from "./controls";
import { Guesses } from "./guesses";
import { LayersOf } from "./layers";
import { move } from "./place";
import { saveCharts, saveNumbers } from "./save";
import * as state from "./state";
import { Happened, Timeline } from "./timeline";
import "./training.css";

export function TrainingPage() {
  useEffect(state.follow, []);
  const shown = state.shown.value.filter((run) => state.known.value[run]);
  if (!shown.length) return <main class="waiting">{state.trouble.value || "Waiting for the training…"}</main>;
  return (
    <main class="train-page">
      <Bar />
      {state.trouble.value && (
        <p class="notice" role="alert">
          {state.trouble.value}
        </p>
      )}
      <Timeline />
      <div class="train-above">
        <div class="train-loops">
          {shown.map((run, i) => (
            <Controls key={run} run={run} mark={shown.length > 1 ? "AB"[i]! : ""} />
          ))}
          <Happened />
        </div>
        <div class="train-middle">
          <Charts />
        </div>
        <Guesses />
      </div>
      <LayersOf />
    </main>
  );
}

/** Which runs, what became of the last command, and saving. */
function Bar() {
  const place = state.here.value;
  const all = state.runs.value;
  return (
    <div class="row train-top">
      {all.length > 1 && place && (
        <>
          <select aria-label="Run" value={state.shown.value[0]} onChange={(event) => move({ run: Number(event.currentTarget.value) })}>
            {all.map((run, i) => (
              <option key={run.folder} value={i}>
                {run.name}
              </option>
            ))}
          </select>
          <select aria-label="Beside it" value={place.beside} onChange={(event) => move({ beside: Number(event.currentTarget.value) })}>
            <option value={-1}>alone</option>
            {all.map((run, i) => (
              <option key={run.folder} value={i} disabled={i === state.shown.value[0]}>
                beside {run.name}
              </option>
            ))}
          </select>
        </>
      )}
      <p class="train-told">{state.told.value}</p>
      <button type="button" onClick={saveCharts}>
        Save charts
      </button>
      <button type="button" onClick={saveNumbers}>
        Save numbers
      </button>
    </div>
  );
}
