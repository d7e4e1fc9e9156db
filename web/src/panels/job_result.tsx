/** A job from its queue to its result: progress and the picture so far, then the result. */
import type { Job } from "../schema";
import { useImage } from "../store/image_url";
import { openMap } from "../store/places/map_place";
import { readyHost, useAnswer } from "../store/requests";
import * as state from "../store/state";
import { ResultView } from "../views/result";

/** Kinds of results whose previews are pictures, not maps of one. */
const PICTURES = new Set(["Adversarial", "Dream", "Inversion"]);

/** Techniques whose result has a page of its own. */
const MAPS = new Set(["embed", "evolution"]);

export function isOver(job: Job): boolean {
  return job.state === "done" || job.state === "failed" || job.state === "cancelled";
}

/** Whether there is something to show: all of it, or what was there when it was cancelled. */
export function hasResult(job: Job): boolean {
  return job.technique !== "scan" && (job.state === "done" || (job.state === "cancelled" && job.partial));
}

export function JobResult({ id, compact = false }: { id: string; compact?: boolean }) {
  const job = state.jobs.value.find((row) => row.id === id);
  if (!job) return <p class="quiet">This job is no longer in the list.</p>;
  if (hasResult(job)) return <Artifact digest={job.artifact} image={job.subjects.image ?? ""} compact={compact} />;
  return (
    <div class="underway">
      <p>{job.title}</p>
      <Progress job={job} />
      <Preview job={job} />
    </div>
  );
}

/** A result the server keeps. */
function Artifact({ digest, image, compact }: { digest: string; image: string; compact: boolean }) {
  const { value, error } = useAnswer(digest, (signal) => readyHost().frame("artifact", { digest }, signal));
  if (error)
    return (
      <p class="wrong" role="alert">
        {error}
      </p>
    );
  if (!value) return <p class="quiet">Fetching the result …</p>;
  return (
    <>
      {MAPS.has(value.header.technique) && (
        <button type="button" class="main" onClick={() => openMap({ digest })}>
          Open the map
        </button>
      )}
      <ResultView answer={value} image={image} compact={compact} />
    </>
  );
}

/** The picture so far, where the job has shown one. */
export function Preview({ job }: { job: Job }) {
  const preview = state.previews.value[job.id];
  if (!preview || job.state === "done") return null;
  const told = `${job.title}, so far: step ${job.step} of ${job.total}`;
  return job.subjects.image && !PICTURES.has(state.resultOf(job.technique)) ? (
    <Over job={job} preview={preview} told={told} />
  ) : (
    <img class="preview" src={preview} alt={told} />
  );
}

/** A map that fills in, over the picture it is of. */
function Over({ job, preview, told }: { job: Job; preview: string; told: string }) {
  const seen = useImage(job.subjects.image ?? "", job.network);
  return (
    <div class="preview preview-over">
      {seen && <img src={seen} alt="" />}
      <img src={preview} alt={told} />
    </div>
  );
}

export function Progress({ job }: { job: Job }) {
  const known = job.total > 0;
  return (
    <div class="progress">
      {job.state === "running" && (
        <progress max={known ? job.total : undefined} value={known ? job.step : undefined} aria-label={`Progress of ${job.title}`} />
      )}
      <p class={job.state === "failed" ? "wrong" : "quiet"}>{stateOf(job)}</p>
    </div>
  );
}

/** Where a job stands, in words. */
export function stateOf(job: Job): string {
  switch (job.state) {
    case "queued":
      return "waiting in the queue";
    case "running":
      return job.total ? `step ${job.step} of ${job.total}${job.eta === null ? "" : `, ${duration(job.eta)} left`}` : "starting";
    case "done":
      return "done";
    case "failed":
      return `failed: ${job.error}`;
    case "cancelled":
      return job.partial ? `cancelled after step ${job.step} of ${job.total}; what was there is kept` : "cancelled";
    default:
      return job.state;
  }
}

/** Seconds for a reader. */
export function duration(seconds: number): string {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
