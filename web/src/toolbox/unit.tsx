/** The chosen unit: its enlarged activation with its numbers, and its trace back to the picture. */
import type { Frame } from "../hosts/host";
import type { UnitLooked } from "../schema";
import * as state from "../store/state";
import { written } from "../views/colors";
import { ColorBar } from "../views/pixels";
import { Trace, TraceTools } from "./trace";
import { UnitMap, unitScale } from "./unit_map";
import { nameOf } from "./units";

export function UnitPanel() {
  const name = nameOf(state.channel.value);
  return (
    <section class="panel unit-panel" aria-labelledby="unit-title">
      <header class="tools">
        <h2 id="unit-title">
          <code>{state.unit.value}</code> <small>{name}</small>
        </h2>
      </header>
      <div class="pair">
        <Activation />
        <Trace />
      </div>
      <TraceTools />
    </section>
  );
}

function Activation() {
  const found = state.unitLooked.value;
  const beside = state.other.value ? state.unitLookedOther.value : null;
  const tuning = { boost: state.boost.value, gamma: state.gamma.value };
  return (
    <figure class="map">
      <figcaption>Activation {found && <span class="quiet">{size(found)}</span>}</figcaption>
      <div class={`maps ${beside ? "two" : ""}`}>
        {found ? <Shown found={found} of="" /> : <div class="blank" />}
        {beside && <Shown found={beside} of=" in the other picture" />}
      </div>
      <ColorBar scale={unitScale()} tuning={tuning} of="the unit's map" />
      {found && <Facts found={found} />}
      {beside && <Facts found={beside} />}
    </figure>
  );
}

/** A map, or the number itself where the unit has no places. */
function Shown({ found, of }: { found: Frame<UnitLooked>; of: string }) {
  if (found.arrays.map?.data.length === 1) return <div class="blank value">{written(found.header.high)}</div>;
  return <UnitMap frame={found} of={of} />;
}

function size(found: Frame<UnitLooked>): string {
  const [height = 1, width = 1] = found.arrays.map?.shape ?? [];
  return height * width === 1 ? "one value, no places" : `${height} × ${width}`;
}

function Facts({ found }: { found: Frame<UnitLooked> }) {
  const { low, high, mean, zeros, rank } = found.header;
  const rows = [
    ["max", written(high)],
    ["min", written(low)],
    ["mean", written(mean)],
    ["zeros", `${(100 * zeros).toFixed(0)} %`],
    ["rank", `${rank} of ${state.layerInfo.value?.units ?? "?"}`],
  ] as const;
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
