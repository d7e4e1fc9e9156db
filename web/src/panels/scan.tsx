/** The selected unit in the scan: the crops that drive it most with their projections, its numbers, its histogram. */
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { kept } from "../input/upload_image";
import type { Job } from "../schema";
import { keepJob, submit } from "../store/jobs";
import { readyHost, sentence, useAnswer } from "../store/requests";
import * as state from "../store/state";
import { tab } from "../store/ui";
import { ResultView, told } from "../views/result";
import { Confusion } from "./confusion";
import { Histogram } from "./histogram";
import { isOver, JobResult, Progress } from "./job_result";
import { Synthesized } from "./synthesized";

const STILL = 200; // milliseconds a unit stays selected before it is looked up: keys walk on faster
const PROJECTIONS = [
  ["guided", "guided"],
  ["deconvnet", "deconvnet"],
  ["plain", "gradient"],
  ["none", "none"],
] as const;
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

export function ScanPanel() {
  const visible = tab.value === "scan";
  const scan = state.scan.value;
  const scanned = scan?.layers.includes(state.layer.value) ?? false;
  const at = [state.network.value?.name, state.layer.value, state.channel.value, scan?.folder];
  const key = visible && scanned ? JSON.stringify(at) : null;
  return (
    <section class="panel scan" aria-label="In the scan">
      {!scan && <p>Which pictures drive a unit most is found by a scan: every picture goes through the network once.</p>}
      {scan && !scanned && <p>The scan at hand holds other layers, not {state.layer.value}.</p>}
      {scan && scanned ? <Crops about={key} images={scan.images} /> : <Begin />}
      <Synthesized visible={visible} />
      {scanned && <Activations about={key} />}
      {scan && <Confusion />}
      {scanned && (
        <details>
          <summary>Scan again</summary>
          <Begin />
        </details>
      )}
    </section>
  );
}

/** The nine crops, and each projected back. */
function Crops({ about, images }: { about: string | null; images: number }) {
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

/** What values the unit takes. */
function Activations({ about }: { about: string | null }) {
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

/** Offers to scan what there is, and shows how far it is. */
function Begin() {
  const which = useSignal<"start" | "list">("start");
  const layers = useSignal<"all" | "this">("all");
  const [trouble, busy] = [useSignal(""), useSignal(false)];
  const id = useId();
  const job = state.jobs.value.find((row: Job) => row.technique === "scan" && !isOver(row));
  const listed = kept();
  const collection = listed.some((row) => row.reference && !row.reference.startsWith("sample:"));
  const begin = async () => {
    const images = collection && which.value === "start" ? [] : listed.map((row) => row.id);
    const wanted = layers.value === "this" ? [state.layer.value] : [];
    try {
      trouble.value = "";
      busy.value = true;
      const queued = await readyHost().call("scan", { network: state.network.value?.name ?? "", images, layers: wanted });
      keepJob(queued);
      state.said.value = queued.state === "done" ? "This scan was made before; it is at hand." : `${queued.title} is in the queue.`;
    } catch (error) {
      trouble.value = sentence(error);
    } finally {
      busy.value = false;
    }
  };
  if (job)
    return (
      <div class="underway">
        <p>{job.title}</p>
        <Progress job={job} />
      </div>
    );
  return (
    <div class="begin">
      {collection && (
        <div class="row">
          <label for={`${id}-which`}>Images</label>
          <select
            id={`${id}-which`}
            value={which.value}
            onChange={(event) => (which.value = event.currentTarget.value as "start" | "list")}
          >
            <option value="start">all of the collection</option>
            <option value="list">the {listed.length} in the list</option>
          </select>
        </div>
      )}
      <div class="row">
        <label for={`${id}-layers`}>Layers</label>
        <select id={`${id}-layers`} value={layers.value} onChange={(event) => (layers.value = event.currentTarget.value as "all" | "this")}>
          <option value="all">all</option>
          <option value="this">{state.layer.value} only</option>
        </select>
        <button type="button" class="main" disabled={busy.value || !listed.length} onClick={() => void begin()}>
          {busy.value ? "Asking …" : "Scan the images at hand"}
        </button>
      </div>
      {trouble.value && (
        <p class="wrong" role="alert">
          {trouble.value}
        </p>
      )}
    </div>
  );
}
