/** Above the map: which one, map or grid, before or after, and the ways about that keys and pointers have, too. */
import { useId } from "preact/hooks";
import { mapPlace, move, openMap } from "../../store/places/map_place";
import { whole, zoom } from "../going";
import * as state from "../state";

export function Tools() {
  const header = state.header.value;
  if (!header) return null;
  return (
    <div class="panel map-tools">
      <div class="tools">
        <h2>
          {header.images.toLocaleString("en")} images at <code>{header.layer}</code> <small>{header.network}</small>
        </h2>
        <Which />
      </div>
      <div class="tools">
        <Either
          label="Layout"
          value={mapPlace.value?.layout ?? "map"}
          options={[
            ["map", "Map"],
            ["grid", "Grid", header.dims !== 2],
          ]}
          put={(layout) => move({ layout: layout as "map" | "grid" })}
        />
        <Either
          label="Dragging"
          value={state.tool.value}
          options={[
            ["move", "Move"],
            ["select", "Select"],
          ]}
          put={(tool) => (state.tool.value = tool as "move" | "select")}
        />
        <span class="row">
          <button type="button" aria-label="Nearer" onClick={() => zoom(1.5)}>
            +
          </button>
          <button type="button" aria-label="Further away" onClick={() => zoom(1 / 1.5)}>
            −
          </button>
          <button type="button" onClick={whole}>
            Whole map
          </button>
        </span>
        <Larger />
      </div>
      {header.snapshots.length > 1 && <Snapshots names={header.snapshots} />}
    </div>
  );
}

function Which() {
  const all = state.maps.value ?? [];
  const digest = state.header.value?.digest ?? "";
  if (all.length < 2) return null;
  return (
    <select aria-label="Which map" value={digest} onChange={(event) => openMap({ digest: event.currentTarget.value })}>
      {all.map((one) => (
        <option key={one.digest} value={one.digest}>
          {one.title}
        </option>
      ))}
    </select>
  );
}

function Larger() {
  const id = useId();
  if (!state.pictures.value?.there) return <span class="quiet">{state.header.value?.atlas.refused}</span>;
  return (
    <span class="field">
      <label for={id}>Pictures</label>
      <input
        id={id}
        type="range"
        min={-1}
        max={2}
        step={0.25}
        value={Math.log2(state.enlarged.value)}
        aria-valuetext={`${state.enlarged.value.toFixed(1)} times`}
        onInput={(event) => (state.enlarged.value = 2 ** event.currentTarget.valueAsNumber)}
      />
    </span>
  );
}

/** Before and after: all images go over from one map to the next. */
function Snapshots({ names }: { names: readonly string[] }) {
  const id = useId();
  const at = state.snapshot.value;
  const [one, two] = [names[Math.floor(at)], names[Math.ceil(at)]];
  const words = one === two ? one : `${one} → ${two}, ${Math.round((at % 1) * 100)} % of the way`;
  const go = (snapshot: number) => move({ snapshot: snapshot === names.length - 1 ? -1 : snapshot });
  return (
    <div class="map-snapshots">
      <label for={id}>Over training</label>
      <button type="button" disabled={at === 0} onClick={() => go(0)}>
        {names[0]}
      </button>
      <input
        id={id}
        type="range"
        min={0}
        max={names.length - 1}
        step={0.05}
        value={at}
        aria-valuetext={words}
        onInput={(event) => go(event.currentTarget.valueAsNumber)}
      />
      <button type="button" disabled={at === names.length - 1} onClick={() => go(names.length - 1)}>
        {names.at(-1)}
      </button>
      <output for={id}>{words}</output>
    </div>
  );
}

interface EitherProps {
  label: string;
  value: string;
  options: readonly (readonly [string, string, boolean?])[];
  put(value: string): void;
}

function Either({ label, value, options, put }: EitherProps) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="unseen">{label}</legend>
      {options.map(([key, text, disabled = false]) => (
        <label key={key} class={value === key ? "on" : ""}>
          <input type="radio" name={name} checked={value === key} disabled={disabled} onChange={() => put(key)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
