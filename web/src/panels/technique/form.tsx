/** The form of a technique: what it is about, its knobs, how it is drawn, and how it is run. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Ask, TechniqueInfo } from "../../schema";
import * as state from "../../store/state";
import { busy, knobs, refusal, runAsJob, runNow, subjects, views } from "./asking";
import { Knobs } from "./knobs";
import { PictureRows } from "./pictures";
import { collect, fields, label } from "./schema_form";
import { type Subject, subjectsOf } from "./subjects";

/** Knobs of techniques that pass through the network many times. */
const LONG = ["batch_size", "steps", "samples", "methods", "layers"];

export function Form({ technique }: { technique: TechniqueInfo }) {
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
    subjects: Object.fromEntries(about.filter((one) => one.fixed === null).map((one) => [one.name, one.value])),
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

interface FoldProps {
  title: string;
  changed: object;
  open?: boolean;
  children: ComponentChildren;
}

function Fold({ title, changed, open = false, children }: FoldProps) {
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
