/** The crops of the scan's images that drive the selected unit most. */
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { submit } from "../../store/jobs";
import { readyHost, STILL, useAnswer } from "../../store/requests";
import * as state from "../../store/state";
import { ResultView } from "../../views/result";
import { JobResult } from "../job_result";

const PROJECTIONS = [
  ["guided", "guided"],
  ["deconvnet", "deconvnet"],
  ["plain", "gradient"],
  ["none", "none"],
] as const;

/** The nine crops, and each projected back. */
export function Crops({ about, images }: { about: string | null; images: number }) {
  const projection = useSignal("guided");
  const id = useId();
  const [network, unit] = [state.network.value?.name ?? "", state.unit.value];
  const ask = { network, technique: "patches", subjects: { unit }, knobs: { projection: projection.value } };
  const { value, error, busy } = useAnswer(
    about && `${about} ${projection.value}`,
    (signal) => readyHost().frame("ask", ask, signal),
    STILL,
  );
  const job = useSignal("");
  const runAsJob = async () => {
    const queued = await submit(ask);
    if (queued) job.value = queued.id;
  };
  return (
    <>
      <div class="row">
        <span class="quiet">over {images} images</span>
        <label for={id}>Projection</label>
        <select id={id} value={projection.value} onChange={(event) => (projection.value = event.currentTarget.value)}>
          {PROJECTIONS.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </div>
      {error && (
        <div class="row">
          <p class="wrong" role="alert">
            {error}
          </p>
          <button type="button" onClick={() => void runAsJob()}>
            Cut them out as a job
          </button>
        </div>
      )}
      {error && job.value && <JobResult id={job.value} compact />}
      {value ? (
        <div class={busy ? "stale" : ""}>
          <ResultView answer={value} compact />
        </div>
      ) : (
        busy && (
          <p class="quiet" role="status">
            Cutting out what drives {unit} …
          </p>
        )
      )}
    </>
  );
}
