/** The page of a network in space: the planes as large as there is room, beside them pictures, guesses, and the unit. */
import { useEffect } from "preact/hooks";
import { SourcesPanel } from "../../input/sources_panel";
import { goInSpace, spacePlace } from "../../store/places/space_place";
import * as app from "../../store/state";
import { follow } from "../asking";
import * as state from "../state";
import { toggleShown } from "../walking";
import { Flat } from "./flat";
import { Card } from "./neuron";
import { Stage } from "./stage";

export default function SpacePage() {
  useEffect(follow, []);
  const space = state.space.value;
  if (!space || space.network !== app.network.value?.name)
    return (
      <main class="waiting">
        <p role={state.trouble.value ? "alert" : undefined}>{state.trouble.value || "Laying out the network…"}</p>
      </main>
    );
  return (
    <main class="space-page">
      <div class="space-main">
        <Tools />
        {flat() ? <Flat /> : <Stage />}
      </div>
      <div class="column space-side">
        <Card />
        <div class="panel">
          <SourcesPanel draw={app.network.value?.channels === 1} />
        </div>
        <Layers />
      </div>
    </main>
  );
}

function flat(): boolean {
  return Boolean(spacePlace.value?.flat) || state.noWebGL.value;
}

function Tools() {
  const space = state.space.value;
  const count = space?.planes.length ?? 0;
  return (
    <section class="panel space-tools" aria-label="How the network is shown">
      <h2>
        {app.network.value?.title} <small>{count} planes</small>
      </h2>
      <div class="row">
        <button
          type="button"
          aria-pressed={flat()}
          disabled={state.noWebGL.value}
          onClick={() => goInSpace({ flat: !spacePlace.value?.flat })}
        >
          Flat
        </button>
        <button
          type="button"
          aria-pressed={spacePlace.value?.every ?? false}
          onClick={() => goInSpace({ every: !spacePlace.value?.every })}
        >
          Every layer
        </button>
      </div>
      <Guesses />
      {state.noWebGL.value && <p class="note">This browser draws no WebGL, so the network is shown flat.</p>}
      {space?.told && <p class="note">{space.told}</p>}
    </section>
  );
}

/** The likeliest classes; of a digit, the first and the second guess. */
function Guesses() {
  const rows = state.classes.value;
  if (!rows.length) return null;
  const words = ["First guess", "Second guess"];
  return (
    <ol class="space-guesses" aria-label="Guesses">
      {rows.slice(0, 2).map((row, i) => (
        <li key={words[i]}>
          <button type="button" onClick={() => goInSpace({ at: "logits", channel: row.index })}>
            <span class="quiet">{words[i]}</span>
            <b>{row.label}</b>
            <span>{(100 * row.probability).toFixed(row.probability < 0.0995 ? 1 : 0)} %</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

/** Which layers are shown. */
function Layers() {
  const planes = state.space.value?.planes ?? [];
  const off = state.hidden.value.size;
  return (
    <details class="panel space-layers">
      <summary>
        Layers shown <small class="quiet">{off ? `${planes.length - off} of ${planes.length}` : `all ${planes.length}`}</small>
      </summary>
      <button type="button" class="small" disabled={!off} onClick={() => (state.hidden.value = new Set())}>
        Show all
      </button>
      <ul>
        {planes.map((plane, number) => (
          <li key={plane.layer}>
            <label class="check">
              <input type="checkbox" checked={state.isShown(number)} onChange={() => toggleShown(number)} />
              <code title={plane.joined.join(", ")}>{plane.layer}</code>
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}
