/** Any technique of the catalog on what is selected: its form, asked at once or as a job, and its result. */
import { batch, computed, signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Frame } from "../hosts/host";
import type { Answer, Ask, TechniqueInfo } from "../schema";
import { keepJob } from "../store/jobs";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import { ResultView } from "../views/result";
import { Knobs } from "./form";
import { JobResult } from "./job_result";
import { PictureRows } from "./pictures";
import { collect, fields, label } from "./schema_form";
import { type Subject, subjectsOf } from "./subjects";

type Texts = Record<string, string>;
type Shown = { answer: Frame<Answer> } | { job: string } | null;

/** Knobs of techniques that pass through the network many times. */
const LONG = ["batch_size", "steps", "samples", "methods", "layers"];

const name = signal("occlusion");
/** What was typed, by technique: into its knobs, its picture's and its subjects. */
const knobs = signal<Record<string, Texts>>({});
const views = signal<Record<string, Texts>>({});
const subjects = signal<Record<string, Texts>>({});
const shown = signal<Shown>(null);
const refusal = signal("");
const busy = signal(false);

const chosen = computed<TechniqueInfo | null>(
  () => state.session.value?.techniques.find((row) => row.name === name.value) ?? state.session.value?.techniques[0] ?? null,
);

/** Opens the panel on a technique. */
export function choose(technique: string): void {
  batch(() => {
    name.value = technique;
    refusal.value = "";
    shown.value = null;
  });
}

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

function Form({ technique }: { technique: TechniqueInfo }) {
  const of = (texts: typeof knobs) => texts.value[technique.name] ?? {};
  const put = (texts: typeof knobs) => (key: string, text: string) => {
    texts.value = { ...texts.value, [technique.name]: { ...of(texts), [key]: text } };
  };
  const about = subjectsOf(technique, of(subjects));
  const [asKnobs, asViews] = [fields(technique.knobs), fields(technique.view)];
  const made = { knobs: collect(asKnobs, of(knobs)), view: collect(asViews, of(views)) };
  const missing = about.find((one) => one.missing)?.missing ?? "";
  const wrong = missing || [...Object.values(made.knobs.errors), ...Object.values(made.view.errors)][0] || "";
  const ask: Ask = {
    network: state.network.value?.name ?? "",
    technique: technique.name,
    subjects: Object.fromEntries(about.filter((one) => one.name !== "scan").map((one) => [one.name, one.value])),
    knobs: made.knobs.values,
    view: made.view.values,
  };
  const quick = !technique.resumes && !LONG.some((knob) => knob in technique.knobs);
  const go = (how: (ask: Ask) => Promise<void>) => {
    if (wrong) refusal.value = wrong;
    else void how(ask);
  };
  const send = (event: Event) => {
    event.preventDefault();
    go(quick ? runNow : runAsJob);
  };
  return (
    <form onSubmit={send} noValidate>
      {about.map((one) => (
        <SubjectRow key={one.name} one={one} put={(text) => put(subjects)(one.name, text)} />
      ))}
      {asKnobs.length > 0 && (
        <Fold title={`Knobs (${asKnobs.length})`} changed={made.knobs.values} open={asKnobs.length <= 3}>
          <Knobs all={asKnobs} texts={of(knobs)} put={put(knobs)} />
        </Fold>
      )}
      {asViews.length > 0 && (
        <Fold title={`How it is drawn (${asViews.length})`} changed={made.view.values}>
          <Knobs all={asViews} texts={of(views)} put={put(views)} />
        </Fold>
      )}
      <div class="row">
        {quick && (
          <button type="submit" class="main" disabled={busy.value}>
            Run now
          </button>
        )}
        <button
          type={quick ? "button" : "submit"}
          class={quick ? "" : "main"}
          disabled={busy.value}
          onClick={quick ? () => go(runAsJob) : undefined}
        >
          Run as a job
        </button>
        {wrong && <span class="quiet">{missing}</span>}
      </div>
      {!quick && <p class="quiet">It takes many passes, so it runs as a job: you see it grow, can stop it, and can go on browsing.</p>}
    </form>
  );
}

function Fold({
  title,
  changed,
  open = false,
  children,
}: {
  title: string;
  changed: object;
  open?: boolean;
  children: preact.ComponentChildren;
}) {
  const told = Object.entries(changed)
    .map(([key, value]) => `${label(key)} ${value}`)
    .join(", ");
  return (
    <details open={open}>
      <summary>
        {title}
        {told && <span class="quiet"> {told}</span>}
      </summary>
      {children}
    </details>
  );
}

function SubjectRow({ one, put }: { one: Subject; put(text: string): void }) {
  const id = useId();
  if (one.options) return <PictureRows one={one} put={put} />;
  if (one.fixed !== null)
    return (
      <p class="knob">
        <span>{label(one.name)}</span> <span class="quiet">{one.fixed || one.missing}</span>
      </p>
    );
  return (
    <div class="knob">
      <label for={id}>{label(one.name)}</label>
      <input
        id={id}
        type="text"
        value={one.typed}
        placeholder={one.standard}
        spellcheck={false}
        autocomplete="off"
        aria-describedby={`${id}-hint`}
        list={one.names.length ? `${id}-names` : undefined}
        onInput={(event) => put(event.currentTarget.value)}
      />
      {one.names.length > 0 && (
        <datalist id={`${id}-names`}>
          {one.names.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <p class="quiet hint" id={`${id}-hint`}>
        {one.hint}
      </p>
    </div>
  );
}

async function runNow(ask: Ask): Promise<void> {
  await attempt(async () => {
    const answer = await readyHost().frame("ask", ask);
    shown.value = { answer };
    state.said.value = `${label(ask.technique)} is there.`;
  });
}

async function runAsJob(ask: Ask): Promise<void> {
  await attempt(async () => {
    const job = await readyHost().call("submit", ask);
    keepJob(job);
    shown.value = { job: job.id };
    state.said.value = job.state === "done" ? `${job.title} is in the store already.` : `${job.title} is in the queue.`;
  });
}

async function attempt(run: () => Promise<void>): Promise<void> {
  batch(() => {
    busy.value = true;
    refusal.value = "";
    shown.value = null;
  });
  try {
    await run();
  } catch (error) {
    refusal.value = sentence(error);
  } finally {
    busy.value = false;
  }
}
