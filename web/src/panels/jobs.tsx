/** The queue: what waits, runs and is done, each with its picture so far, and what can be done about it. */
import { useSignal } from "@preact/signals";
import type { Host } from "../hosts/host";
import type { Job } from "../schema";
import { keepJob } from "../store/jobs";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import { hasResult, isOver, JobResult, Preview, Progress } from "./job_result";

const SHOWN = 40;
const ORDER = { running: 0, queued: 1, failed: 2, cancelled: 2, done: 2 } as const;

export function JobsPanel() {
  const all = useSignal(false);
  const rows = [...state.jobs.value].sort(
    (a, b) => ORDER[a.state] - ORDER[b.state] || (a.state === "queued" ? a.created - b.created : b.created - a.created),
  );
  const waiting = rows.filter((job) => job.state === "queued");
  if (!rows.length)
    return <p class="quiet empty">No jobs yet. A technique runs as a job from the tab before; so do scans and synthesized pictures.</p>;
  return (
    <section class="panel jobs" aria-label="Jobs">
      {waiting.length > 1 && (
        <div class="row">
          <span class="quiet">{waiting.length} wait.</span>
          <button type="button" onClick={() => void cancelAll(waiting)}>
            Cancel those that wait
          </button>
        </div>
      )}
      <ul>
        {rows.slice(0, all.value ? rows.length : SHOWN).map((job) => (
          <Row key={job.id} job={job} />
        ))}
      </ul>
      {rows.length > SHOWN && !all.value && (
        <button type="button" onClick={() => (all.value = true)}>
          Show {rows.length - SHOWN} more
        </button>
      )}
    </section>
  );
}

async function cancelAll(waiting: readonly Job[]): Promise<void> {
  try {
    for (const job of waiting) keepJob(await readyHost().call("cancel", { id: job.id }));
    state.said.value = `${waiting.length} jobs are cancelled.`;
  } catch (error) {
    state.problem.value = sentence(error);
  }
}

function Row({ job }: { job: Job }) {
  const open = useSignal(false);
  const trouble = useSignal("");
  const act = async (run: (host: Host) => Promise<void>) => {
    try {
      trouble.value = "";
      await run(readyHost());
    } catch (error) {
      trouble.value = sentence(error);
    }
  };
  const change = (how: "cancel" | "resume") => () => void act(async (host) => keepJob(await host.call(how, { id: job.id })));
  const forget = () =>
    void act(async (host) => {
      state.jobs.value = (await host.call("forget", { id: job.id })).jobs;
    });
  return (
    <li class={`job ${job.state}`}>
      <div class="job-head">
        <h3>{job.title}</h3>
        <span class="quiet">{job.network}</span>
      </div>
      <Progress job={job} />
      {!open.value && job.state === "running" && <Preview job={job} />}
      <div class="row">
        {!isOver(job) && (
          <button type="button" onClick={change("cancel")} aria-label={`Cancel ${job.title}`}>
            Cancel
          </button>
        )}
        {hasResult(job) && (
          <button
            type="button"
            aria-expanded={open.value}
            onClick={() => (open.value = !open.value)}
            aria-label={`${open.value ? "Hide" : "Show"} the result of ${job.title}`}
          >
            {open.value ? "Hide" : "Show"}
          </button>
        )}
        {job.resumable && (
          <button type="button" onClick={change("resume")} aria-label={`Resume ${job.title}`}>
            Resume
          </button>
        )}
        {isOver(job) && (
          <button type="button" onClick={forget} aria-label={`Forget ${job.title}`}>
            Forget
          </button>
        )}
      </div>
      {trouble.value && (
        <p class="wrong" role="alert">
          {trouble.value}
        </p>
      )}
      {open.value && <JobResult id={job.id} />}
    </li>
  );
}
