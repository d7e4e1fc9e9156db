/** What values the selected unit takes in the scan. */
import { readyHost, STILL, useAnswer } from "../../store/requests";
import * as state from "../../store/state";
import { told } from "../../views/result";
import { Histogram } from "./histogram";

/** What of a unit's numbers is shown first, and what it is called. */
const NUMBERS = {
  max: "highest",
  mean: "mean",
  rate: "fires for",
  sparsity: "zeros",
  selectivity: "selectivity",
  lifetime_sparseness: "sparseness",
};
const SHARES = new Set(["rate", "sparsity"]);

export function Activations({ about }: { about: string | null }) {
  const [network, layer, channel] = [state.network.value?.name ?? "", state.layer.value, state.channel.value];
  const { value, error, busy } = useAnswer(about, (signal) => readyHost().frame("histogram", { network, layer, channel }, signal), STILL);
  const { edges, counts } = value?.arrays ?? {};
  if (error)
    return (
      <p class="wrong" role="alert">
        {error}
      </p>
    );
  if (!value || !edges || !counts) return null;
  const { unit, dead, statistics } = value.header;
  return (
    <section class={`activations ${busy ? "stale" : ""}`} aria-label={`Activations of ${unit} in the scan`}>
      <h3>Activations of {unit} in the scan</h3>
      {dead && <p class="note">{unit} is dead in this scan: no image brought it above 0.001 % of the highest of its layer.</p>}
      <Histogram edges={edges.data} counts={counts.data} unit={unit} />
      <Numbers found={statistics} />
    </section>
  );
}

function Numbers({ found }: { found: Record<string, unknown> }) {
  const first = Object.entries(NUMBERS).filter(([name]) => typeof found[name] === "number");
  const rest = Object.entries(found).filter(
    ([name, value]) => !(name in NUMBERS) && value !== null && name !== "layer" && name !== "channel",
  );
  const text = (name: string) => (SHARES.has(name) ? `${(100 * Number(found[name])).toFixed(1)} %` : told(found[name]));
  return (
    <>
      <dl class="facts">
        {first.map(([name, title]) => (
          <div key={name}>
            <dt>{title}</dt>
            <dd>{text(name)}</dd>
          </div>
        ))}
      </dl>
      <details class="result-evidence">
        <summary>All numbers</summary>
        <dl>
          {rest.map(([name, value]) => (
            <div key={name}>
              <dt>{name.replace(/_/g, " ")}</dt>
              <dd>{told(value)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  );
}
