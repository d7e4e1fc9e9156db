/** The five likeliest classes; each leads to its score as a unit. */
import type { ClassScore } from "../schema";
import { select } from "../store/selection";
import * as state from "../store/state";
import * as ui from "../store/ui";
import { mapsOther } from "./units";

export function Classes() {
  if (!ui.showClasses.value) return null;
  const info = state.network.value;
  return (
    <section class="panel classes" aria-labelledby="classes-title">
      <header class="tools">
        <h2 id="classes-title">Classes</h2>
        {info?.classifies && (
          <button type="button" onClick={() => ui.openPalette("class ")}>
            Find…
          </button>
        )}
      </header>
      {info && !info.classifies ? (
        <p class="quiet">{info.title} gives no class scores: its last layer has places.</p>
      ) : (
        <List rows={state.looked.value?.header.classes ?? []} />
      )}
      {mapsOther.value && (
        <>
          <h3 class="quiet">Compared: {state.images.value.find((row) => row.id === state.other.value)?.name ?? "the other picture"}</h3>
          <List rows={mapsOther.value.header.classes} />
        </>
      )}
    </section>
  );
}

function List({ rows }: { rows: readonly ClassScore[] }) {
  return (
    <ol class="bars">
      {rows.map((row) => {
        const chosen = state.layer.value === "logits" && state.channel.value === row.index;
        const percent = (100 * row.probability).toFixed(row.probability < 0.0995 ? 1 : 0);
        return (
          <li key={row.index}>
            <button
              type="button"
              aria-pressed={chosen}
              title={`Class ${row.index}, score ${row.score.toFixed(2)}`}
              onClick={() => select("logits", row.index)}
            >
              <span class="bar" style={{ width: `${Math.max(0.5, 100 * row.probability)}%` }} aria-hidden="true" />
              <span class="label">{row.label}</span>
              <span class="number">{percent} %</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
