/** The page of a circuit: the units behind the selected one, as Python draws them, and how its number comes about. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useAnswer } from "../store/requests";
import * as state from "../store/state";
import { Drawing } from "../views/drawing";
import type { View } from "../views/view";
import { answered, askAbout } from "./asking";
import { FormulaPanel } from "./formula";
import { furnish, light, makeRoot, partAt } from "./parts";
import { Told } from "./told";
import { Toy } from "./toy";

export function CircuitPage() {
  return (
    <main class="circuit-main">
      <CircuitPanel />
      <FormulaPanel />
      <Toy />
    </main>
  );
}

function CircuitPanel() {
  const ask = useComputed(() => askAbout("connections", state.scan.value ? { scan: state.scan.value.folder } : {})).value;
  const { value, error, busy } = useAnswer(ask && JSON.stringify(ask), (signal) => answered(ask!, signal));
  const view = value?.header.spec as unknown as View | undefined;
  const svg = view?.panels.find((panel) => panel.vector)?.vector ?? "";
  useEffect(() => {
    state.circuitPython.value = value?.header.python ?? "";
  }, [value]);
  return (
    <section class="panel circuit-panel" aria-labelledby="circuit-title" aria-busy={busy}>
      <header class="tools">
        <h2 id="circuit-title">
          What <code>{state.unit.value}</code> is made of <small>{value && !busy ? view?.title.split(" = ")[1] : ""}</small>
        </h2>
        <Pictures />
        <p class="quiet" role="status">
          {busy ? "Working …" : ""}
        </p>
      </header>
      {error && (
        <p class="wrong" role="alert">
          {error}
        </p>
      )}
      {svg && <Circuit svg={svg} title={view?.panels.at(-1)?.title ?? ""} />}
      {view && !error && <p class="result-note">{view.note}</p>}
    </section>
  );
}

function Pictures() {
  return (
    <label class="row">
      Picture
      <select value={state.image.value} onChange={(event) => (state.image.value = event.currentTarget.value)}>
        {state.images.value.map((row) => (
          <option key={row.id} value={row.id}>
            {row.name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The drawing, whose units are buttons, and beside it what the part under the pointer or with the focus is made of. */
function Circuit({ svg, title }: { svg: string; title: string }) {
  const part = useSignal<ReturnType<typeof partAt>>(null);
  const drawing = useRef<SVGSVGElement | null>(null);
  const drawn = (made: SVGSVGElement, focused: boolean) => {
    drawing.current = made;
    furnish(made);
    listen(made);
    const root = [...made.querySelectorAll<SVGElement>("[data-unit]")].at(-1);
    part.value = root ? partAt(root) : null;
    if (focused) root?.focus();
  };
  const look = (event: Event) => {
    const target = event.target as Element;
    part.value = partAt(target) ?? part.value;
    light(drawing.current, target.closest<SVGElement>("[data-unit]")?.dataset.number);
  };
  const listen = (made: SVGSVGElement) => {
    for (const kind of ["pointerover", "focusin"]) made.addEventListener(kind, look);
    made.addEventListener("click", (event) => root(event));
    made.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === " ") && root(event) && event.preventDefault());
  };
  const root = (event: Event) => {
    const unit = (event.target as Element).closest<SVGElement>("[role=button][data-unit]");
    if (unit) makeRoot(unit.dataset.unit ?? "");
    return unit !== null;
  };
  return (
    <>
      <p class="quiet">{title}. Choose a unit to make it the root; Back returns.</p>
      <div class="circuit-beside">
        <div class="circuit-drawing">
          <Drawing svg={svg} label={`The circuit of ${state.unit.value}`} drawn={drawn} />
        </div>
        <Told part={part.value} />
      </div>
    </>
  );
}
