/** What the selected unit wants to see: its synthesized picture, from the store or painted now; and those of all units. */
import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Job } from "../schema";
import { keepJob } from "../store/jobs";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import { tilePixels } from "../views/tile_drawing";
import { collect, cutting, paintAll, painted, painting, queueing, stop } from "./gallery";
import { JobResult, Progress } from "./job_result";

/** Steps a picture takes; auto is what the recipe has. */
const STEPS = ["auto", "32", "64", "128", "256", "512"];

export function Synthesized({ visible }: { visible: boolean }) {
  const trouble = useSignal("");
  const busy = useSignal(false);
  const id = useId();
  const unit = state.unit.value;
  const layer = state.layer.value;
  const network = state.network.value?.name ?? "";
  const done = state.jobs.value.filter((job) => job.technique === "maximize" && job.state === "done").length;
  useEffect(() => {
    if (visible && layer && network) collect(layer).catch(() => undefined); // a layer that cannot be synthesized says so when asked to
  }, [visible, layer, network, state.recipe.value, done]);
  const job = state.jobs.value.find((row) => of(row, unit, network));
  const at = painted().get(state.channel.value);
  const paint = async () => {
    try {
      trouble.value = "";
      busy.value = true;
      keepJob(await readyHost().call("submit", painting(unit)));
    } catch (error) {
      trouble.value = sentence(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <section class="synthesized" aria-label={`Synthesized picture of ${unit}`}>
      <h3>Synthesized: what {unit} wants to see</h3>
      {job ? <JobResult id={job.id} compact /> : at !== undefined && <Thumb at={at} unit={unit} />}
      {(!job || job.state === "failed" || job.state === "cancelled") && (
        <div class="row">
          <button type="button" class={at === undefined ? "main" : ""} disabled={busy.value} onClick={() => void paint()}>
            {at === undefined ? "Synthesize" : "Show it large"}
          </button>
          <label for={id}>Steps</label>
          <Steps id={id} />
        </div>
      )}
      {trouble.value && (
        <p class="wrong" role="alert">
          {trouble.value}
        </p>
      )}
    </section>
  );
}

function Steps({ id }: { id: string }) {
  const steps = String(state.recipe.value.steps ?? "auto");
  const choose = (text: string) => {
    const { steps: _, ...rest } = state.recipe.value;
    state.recipe.value = text === "auto" ? rest : { ...rest, steps: Number(text) };
  };
  return (
    <select id={id} value={steps} onChange={(event) => choose(event.currentTarget.value)}>
      {STEPS.map((text) => (
        <option key={text}>{text}</option>
      ))}
    </select>
  );
}

/** Whether a job paints this unit with the knobs that are chosen. */
function of(job: Job, unit: string, network: string): boolean {
  const same = JSON.stringify(sorted(job.knobs)) === JSON.stringify(sorted(state.recipe.value));
  return job.technique === "maximize" && job.network === network && job.subjects.unit === unit && same;
}

function sorted(knobs: Record<string, unknown>): [string, unknown][] {
  return Object.entries(knobs).sort(([a], [b]) => (a < b ? -1 : 1));
}

function Thumb({ at, unit }: { at: number; unit: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pictures = state.gallery.value?.arrays.pictures;
  useEffect(() => {
    if (!pictures || !canvas.current) return;
    const pixels = tilePixels(pictures, at, null);
    canvas.current.width = pixels.width;
    canvas.current.height = pixels.height;
    canvas.current.getContext("2d")?.putImageData(pixels, 0, 0);
  }, [pictures, at]);
  return <canvas ref={canvas} class="synthesized-thumb" role="img" aria-label={`Small synthesized picture of ${unit}`} />;
}

/** For the grid: puts every unit of the layer that has no picture into the queue. */
export function GalleryButton() {
  const id = useId();
  const units = state.layerInfo.value?.units ?? 0;
  const left = units - painted().size;
  const so = queueing.value;
  if (so)
    return (
      <span class="row">
        <span class="quiet">
          {so.put} of {so.of} are in the queue.
        </span>
        <button type="button" onClick={stop}>
          Stop
        </button>
      </span>
    );
  return (
    <span class="row">
      <button
        type="button"
        disabled={!left}
        onClick={() => void paintAll().catch((error: unknown) => (state.problem.value = sentence(error)))}
      >
        {left ? `Synthesize ${left === units ? `all ${units}` : `the other ${left}`}` : "All are there"}
      </button>
      <label for={id}>Steps</label>
      <Steps id={id} />
    </span>
  );
}

/** For the grid: where its best crops are, while they are not there. */
export function CropsRow() {
  const layer = state.layer.value;
  if (!state.scan.value?.layers.includes(layer)) {
    return (
      <p class="quiet">
        {state.scan.value ? `The scan at hand does not hold ${layer}` : "There is no scan yet"}: scan the images at hand, beside.
      </p>
    );
  }
  if (state.crops.value) return <p class="quiet">The crop that drives each unit most.</p>;
  const job = state.jobs.value.find((row) => row.id === cutting.value);
  return job ? <Progress job={job} /> : <p class="quiet">Asking for the crops …</p>;
}
