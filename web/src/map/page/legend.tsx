/** What the colors mean: names with how many, each selects its marks; or the bar of a unit's activation. */
import { useId, useState } from "preact/hooks";
import { mapPlace, move } from "../../store/places/map_place";
import * as app from "../../store/state";
import { ScaleBar } from "../../views/color_bar";
import { inks } from "../coloring";
import * as state from "../state";

const TITLES: Record<string, string> = {
  class: "class",
  prediction: "what the network takes it for",
  error: "right or wrong",
  split: "split",
  unit: "a unit's activation",
  none: "nothing",
};

export function Legend() {
  const id = useId();
  const header = state.header.value;
  if (!header) return null;
  const color = mapPlace.value?.color ?? "class";
  const by = color.split(" ")[0]!;
  const { legend, scale } = inks.value;
  const about = state.colors.value?.header;
  const refused = header.colorings.filter((one) => one.refused);
  return (
    <section class="panel map-legend" aria-labelledby="map-legend-title">
      <header class="tools">
        <h2 id="map-legend-title">Color</h2>
        <span class="field">
          <label for={id}>by</label>
          <select id={id} value={by} onChange={(event) => colorBy(event.currentTarget.value)}>
            {header.colorings.map((one) => (
              <option key={one.by} value={one.by} disabled={!!one.refused}>
                {TITLES[one.by]}
                {one.refused ? " (not at hand)" : ""}
              </option>
            ))}
            <option value="none">{TITLES.none}</option>
          </select>
        </span>
      </header>
      {by === "unit" && <UnitOf color={color} />}
      {scale && <ScaleBar scale={scale} width={260} />}
      {legend.length > 0 && (
        <ul class="map-classes">
          {legend.map((line) => (
            <li key={line.name}>
              <button
                type="button"
                aria-pressed={line.marks.length > 0 && line.marks.every((mark) => state.selection.value[mark])}
                onClick={(event) => choose(line.name, line.marks, event.shiftKey)}
              >
                <span class="map-swatch" style={{ background: line.css }} aria-hidden="true" />
                <span class="name">{line.name.split(",")[0]}</span>
                <span class="quiet">{line.marks.length.toLocaleString("en")}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {about?.about && <p class="quiet">{about.about}</p>}
      {about && about.unknown > 0 && <p class="quiet">{about.unknown.toLocaleString("en")} are not known: grey.</p>}
      {refused.length > 0 && (
        <details>
          <summary>Why not by {refused.map((one) => one.by).join(", ")}</summary>
          {refused.map((one) => (
            <p key={one.by} class="quiet">
              {TITLES[one.by]}: {one.refused}
            </p>
          ))}
        </details>
      )}
    </section>
  );
}

function choose(name: string, marks: readonly number[], added: boolean): void {
  state.select(marks, name, added ? "turned" : "alone");
  app.said.value = `${state.selected.value.length} images are selected.`;
}

function colorBy(by: string): void {
  const header = state.header.value;
  const layers = header?.colorings.find((one) => one.by === "unit")?.layers ?? [];
  const layer = layers.includes(header?.layer ?? "") ? header!.layer : (layers[0] ?? "");
  const seen = app.layer.value === layer ? app.channel.value : 0;
  move({ color: by === "unit" ? `unit ${layer}:${seen}` : by });
}

/** Which unit. */
function UnitOf({ color }: { color: string }) {
  const id = useId();
  const layers = state.header.value?.colorings.find((one) => one.by === "unit")?.layers ?? [];
  const [, layer = "", channel = "0"] = /^unit (.*):(\d+)$/.exec(color) ?? [];
  const [typed, type] = useState(channel);
  const go = (name: string, number: string) => /^\d+$/.test(number.trim()) && move({ color: `unit ${name}:${Number(number)}` });
  return (
    <div class="row">
      <select aria-label="Layer of the unit" value={layer} onChange={(event) => go(event.currentTarget.value, typed)}>
        {layers.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <label for={id} class="quiet">
        unit
      </label>
      <input
        id={id}
        class="map-unit"
        type="text"
        inputMode="numeric"
        value={typed}
        onInput={(event) => type(event.currentTarget.value)}
        onChange={(event) => go(layer, event.currentTarget.value)}
      />
    </div>
  );
}
