/** Which images are selected: found by words, drawn around, of a class; and which units tell them from the others. */
import { signal, useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { JobResult } from "../../panels/job_result";
import type { Ask, TechniqueInfo } from "../../schema";
import { queued } from "../../store/jobs";
import { readyHost, report } from "../../store/requests";
import * as app from "../../store/state";
import { goTo } from "../going";
import { idsOf } from "../ids";
import * as state from "../state";

/** The job that looks for the units behind a selection. */
const job = signal("");
const LISTED = 12;
const TECHNIQUE = "separating_units";

export function Selection() {
  const chosen = state.selected.value;
  return (
    <section class="panel map-selection" aria-labelledby="map-selection-title">
      <h2 id="map-selection-title">Search and selection</h2>
      <Search />
      <p role="status">
        {chosen.length
          ? `${chosen.length.toLocaleString("en")} of ${state.count.value.toLocaleString("en")} images are selected${state.selectedBy.value && `: ${state.selectedBy.value}`}.`
          : "No image is selected. Shift and drag draws a line around some; a class in the legend selects its images."}
      </p>
      {chosen.length > 0 && (
        <div class="row">
          <button type="button" onClick={state.clearSelection}>
            Select none
          </button>
          <Units chosen={chosen} />
        </div>
      )}
      {job.value && <JobResult id={job.value} compact />}
    </section>
  );
}

function Search() {
  const id = useId();
  const text = useSignal("");
  const found = useSignal<{ text: string; marks: number[]; count: number } | null>(null);
  const look = async (event: Event) => {
    event.preventDefault();
    const digest = state.header.value?.digest;
    const words = text.value.trim();
    if (!digest || !words) return;
    try {
      const { header, arrays } = await readyHost().frame("map_search", { digest, text: words, limit: 100_000 });
      found.value = { text: words, marks: [...(arrays.numbers?.data ?? [])], count: header.count };
      app.said.value = `${header.count} images have ${words} in their id or class.`;
    } catch (error) {
      report(error);
    }
  };
  const marks = found.value?.marks ?? [];
  return (
    <>
      <form class="row" role="search" onSubmit={(event) => void look(event)}>
        <label for={id} class="unseen">
          Id or class
        </label>
        <input
          id={id}
          type="text"
          placeholder="Id or class"
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <button type="submit">Find</button>
        {marks.length > 0 && (
          <button type="button" onClick={() => state.select(marks, `“${found.value?.text}” in id or class`)}>
            Select {found.value!.count.toLocaleString("en")}
          </button>
        )}
      </form>
      {found.value && !marks.length && <p class="quiet">No image has “{found.value.text}” in its id or class.</p>}
      {marks.length > 0 && <Found marks={marks} />}
    </>
  );
}

function Found({ marks }: { marks: readonly number[] }) {
  const listed = marks.slice(0, LISTED);
  const ids = idsOf(listed);
  return (
    <ul class="map-found" aria-label="Found">
      {listed.map((mark, i) => (
        <li key={mark}>
          <button type="button" class="small" onClick={() => goTo(mark)}>
            {ids[i]}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Asks the technique that tells images apart, where the catalog has it. */
function Units({ chosen }: { chosen: readonly number[] }) {
  const technique = app.session.value?.techniques.find((row) => row.name === TECHNIQUE);
  const header = state.header.value;
  if (!technique || !header) return null;
  if (!header.offered) return <p class="quiet">Which units tell them apart needs {header.network}, which is not explored here.</p>;
  const ask = async () => {
    try {
      const { selection, source } = await readyHost().call("map_selection", { digest: header.digest, numbers: [...chosen] });
      const put = await queued(readyHost().call("submit", asked(technique, header.offered, header.layer, selection, source)));
      job.value = put.id;
      app.said.value = `${put.title} is in the queue.`;
    } catch (error) {
      report(error);
    }
  };
  return (
    <button type="button" class="main" onClick={() => void ask()}>
      Which units?
    </button>
  );
}

/** The selection is a subject of the technique, or one of its knobs. */
export function asked(technique: TechniqueInfo, network: string, layer: string, selection: string, source: string): Ask {
  const given: Record<string, string> = { layer, selection, ...(source && { source }) };
  const subjects = Object.fromEntries(technique.subjects.filter((name) => name in given).map((name) => [name, given[name]!]));
  const knobs = "selection" in technique.knobs ? { selection } : {};
  return { network, technique: technique.name, subjects, knobs };
}
