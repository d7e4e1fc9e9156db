/** Beginning a scan of the images at hand. */
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { kept } from "../../input/upload_image";
import type { Job } from "../../schema";
import { keepJob } from "../../store/jobs";
import { readyHost, sentence } from "../../store/requests";
import * as state from "../../store/state";
import { isOver, Progress } from "../job_result";

/** Offers to scan what there is, and shows how far it is. */
export function Begin() {
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
