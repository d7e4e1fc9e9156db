/** The image one is at or points at: large, with its id and class, and the way to the toolbox. */
import type { MapNeighbor, MapNeighbors } from "../../schema";
import { readyHost, useAnswer } from "../../store/requests";
import * as app from "../../store/state";
import { meaningOf } from "../coloring";
import { goTo, openInToolbox, turnSelected } from "../going";
import { idsOf } from "../ids";
import { PictureOf } from "../picture";
import * as state from "../state";

const NEAR = 8;

export function Card() {
  const mark = state.at.value;
  if (mark < 0 || !state.header.value)
    return (
      <section class="panel map-card" aria-label="Image">
        <p class="quiet">
          Point at an image, or click it. By keys: arrows go to the nearest image in each direction, Enter opens it in the toolbox, Space
          selects it, + and − zoom, 0 shows the whole map, g the grid. Shift and drag draws a line around images to select them.
        </p>
      </section>
    );
  const label = state.classOf(mark);
  return (
    <section class="panel map-card" aria-labelledby="map-card-title">
      <h2 id="map-card-title">{idsOf([mark])[0]}</h2>
      <div class="map-card-row">
        <PictureOf mark={mark} side={128} />
        <div>
          <p>{label || "no class"}</p>
          {meaningOf(mark) && <p>{meaningOf(mark)}</p>}
          <Moved mark={mark} />
          <p class="row">
            {app.session.value && (
              <button type="button" onClick={() => void openInToolbox(mark)}>
                Open in the toolbox
              </button>
            )}
            <button type="button" aria-pressed={!!state.selection.value[mark]} onClick={() => turnSelected(mark)}>
              {state.selection.value[mark] ? "Selected" : "Select"}
            </button>
          </p>
        </div>
      </div>
      <Neighbors mark={mark} />
    </section>
  );
}

/** How far an image moves in this step of an evolution, beside chance. */
function Moved({ mark }: { mark: number }) {
  const found = state.map.value?.arrays.displacement;
  const header = state.header.value;
  if (!found || !header) return null;
  const [steps = 0, count = 0] = found.shape;
  const step = Math.min(Math.floor(state.snapshot.value), steps - 1);
  const far = found.data[step * count + mark] ?? 0;
  const still = header.control.null_motion;
  const chance = typeof still === "number" ? (far > 2 * still ? ", more than by chance" : ", as by chance") : "";
  return (
    <p class="quiet">
      moves {far.toPrecision(2)} radii from {header.snapshots[step]} to {header.snapshots[step + 1]}
      {chance}
    </p>
  );
}

/** For whoever does not see the map: who is near here, and who is near in the layer. */
function Neighbors({ mark }: { mark: number }) {
  const header = state.header.value!;
  const snapshot = Math.round(state.snapshot.value);
  const ask = { digest: header.digest, number: mark, count: NEAR, snapshot };
  const { value, error } = useAnswer(JSON.stringify(ask), () => readyHost().call("map_neighbors", ask), 60);
  if (error) return <p class="wrong">{error}</p>;
  if (value?.number !== mark) return <p class="quiet map-coming">Its neighbors are on their way.</p>; // never those of another
  const rows = Array.from({ length: Math.max(value.on_map.length, value.in_layer.length) }, (_, i) => i);
  return (
    <>
      <table class="map-neighbors">
        <caption>{captionOf(value)}</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">rank</span>
            </th>
            <th scope="col">on the map</th>
            {value.in_layer.length > 0 && <th scope="col">in {header.layer}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((i) => (
            <tr key={i}>
              <th scope="row">{i + 1}</th>
              <Near one={value.on_map[i]} far={value.on_map[i]?.on_map} also={value.in_layer} />
              {value.in_layer.length > 0 && <Near one={value.in_layer[i]} far={value.in_layer[i]?.in_layer} also={value.on_map} />}
            </tr>
          ))}
        </tbody>
      </table>
      {value.refused && <p class="quiet">{value.refused}</p>}
    </>
  );
}

function captionOf(value: MapNeighbors): string {
  const shared = value.in_layer.length ? `; ${value.shared} of ${value.in_layer.length} are in both (bold)` : "";
  return `Nearest images${shared}`;
}

function Near({ one, far, also }: { one: MapNeighbor | undefined; far: number | null | undefined; also: readonly MapNeighbor[] }) {
  if (!one) return <td />;
  const both = also.some((each) => each.number === one.number);
  return (
    <td>
      <button type="button" class={both ? "both" : ""} onClick={() => goTo(one.number)} title={one.id}>
        <PictureOf mark={one.number} side={28} />
        <span class="name">{one.label.split(",")[0] || one.id}</span>
        <span class="quiet">{far === null || far === undefined ? "" : Number(far.toPrecision(2))}</span>
      </button>
    </td>
  );
}
