/** Any technique of the catalog on what is selected: its form, asked at once or as a job, and its result. */
import { useEffect, useId, useRef } from "preact/hooks";
import type { TechniqueInfo } from "../../schema";
import * as state from "../../store/state";
import { ResultView } from "../../views/result";
import { JobResult } from "../job_result";
import { busy, choose, chosen, refusal, shown } from "./asking";
import { Form } from "./form";
import { label } from "./schema_form";

export function TechniquePanel() {
  const technique = chosen.value;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (shown.value) place.current?.scrollIntoView({ block: "nearest" });
  }, [shown.value]);
  if (!technique) return <p class="quiet">The techniques are on their way.</p>;
  return (
    <section class="panel technique" aria-label="Techniques">
      <Menu technique={technique} />
      <Form key={technique.name} technique={technique} />
      {refusal.value && (
        <p class="wrong" role="alert">
          {refusal.value}
        </p>
      )}
      <div class="place" aria-busy={busy.value} ref={place}>
        {busy.value && (
          <p class="quiet" role="status">
            Working …
          </p>
        )}
        {shown.value && ("job" in shown.value ? <JobResult id={shown.value.job} /> : <ResultView answer={shown.value.answer} />)}
      </div>
    </section>
  );
}

function Menu({ technique }: { technique: TechniqueInfo }) {
  const id = useId();
  const groups = new Map<string, TechniqueInfo[]>();
  for (const row of state.session.value?.techniques ?? []) {
    const about = `about ${spoken(row.subjects)}`;
    groups.set(about, [...(groups.get(about) ?? []), row]);
  }
  return (
    <>
      <label for={id}>Technique</label>
      <select id={id} value={technique.name} onChange={(event) => choose(event.currentTarget.value)} aria-describedby={`${id}-what`}>
        {[...groups].map(([about, rows]) => (
          <optgroup key={about} label={about}>
            {rows.map((row) => (
              <option key={row.name} value={row.name}>
                {label(row.name)}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
      <p id={`${id}-what`} class="technique-what">
        {technique.summary}
      </p>
    </>
  );
}

function spoken(names: readonly string[]): string {
  const told = names.filter((one) => one !== "net").map((one) => (/^[aeiou]/.test(one) && one !== "unit" ? `an ${one}` : `a ${one}`));
  return told.length > 1 ? `${told.slice(0, -1).join(", ")} and ${told.at(-1)}` : (told[0] ?? "the network");
}
