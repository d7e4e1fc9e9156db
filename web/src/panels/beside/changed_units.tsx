/** The units of the layer that changed most, each leading to itself, and what noise does to them where that was measured. */
import { byChange, change, measuring, signed, underway } from "../../store/changes";
import { submit } from "../../store/jobs";
import { selectChannel } from "../../store/selection";
import * as state from "../../store/state";
import { written } from "../../views/colors";
import { stateOf } from "../job_result";

const LISTED = 8;

export function ChangedUnits() {
  const found = change.value;
  if (!found) return <p class="quiet">Waiting for both pictures.</p>;
  const { difference, control, told } = found;
  const first = [...byChange(found)].filter((channel) => difference[channel]).slice(0, LISTED);
  return (
    <section class="changed" aria-labelledby="changed-title">
      <h3 id="changed-title">Changed most in {state.layer.value}</h3>
      {first.length ? (
        <table class="compare-classes">
          <thead>
            <tr>
              <th scope="col">unit</th>
              <th scope="col">change</th>
              {control && <th scope="col">noise</th>}
            </tr>
          </thead>
          <tbody>
            {first.map((channel) => (
              <Row key={channel} channel={channel} by={difference[channel] ?? 0} noise={control?.[channel] ?? null} />
            ))}
          </tbody>
        </table>
      ) : (
        <p>No unit of this layer changed.</p>
      )}
      <p class="quiet hint">{told}</p>
      {!control && <Measure />}
    </section>
  );
}

function Row({ channel, by, noise }: { channel: number; by: number; noise: number | null }) {
  const drowned = noise !== null && Math.abs(by) <= noise;
  return (
    <tr class={drowned ? "quiet" : ""} title={drowned ? "Noise of the same size moves it as far." : undefined}>
      <th scope="row">
        <button type="button" class="small" aria-pressed={channel === state.channel.value} onClick={() => selectChannel(channel)}>
          {channel}
        </button>
      </th>
      <td>{signed(by, written)}</td>
      {noise !== null && <td>±{written(noise)}</td>}
    </tr>
  );
}

function Measure() {
  const job = underway.value;
  if (job) return <p role="status">Measuring beside noise: {stateOf(job)}.</p>;
  return (
    <button type="button" onClick={() => void submit(measuring())}>
      Measure beside noise
    </button>
  );
}
