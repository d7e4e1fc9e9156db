/** A result: its view, what must be known of it, and how to get it again. */
import { useRef, useState } from "preact/hooks";
import type { Ending, Frame } from "../hosts/host";
import type { Answer } from "../schema";
import { compareWithResult } from "../store/images";
import { readyHost, sentence } from "../store/requests";
import * as state from "../store/state";
import { written } from "./colors";
import { ViewOf } from "./kinds";
import type { View } from "./view";

interface ResultProps {
  answer: Frame<Answer>;
  /** The one it was made of, where it is not on screen. */
  image?: string;
  compact?: boolean;
}

/** With `compact` only the pictures and what must be known stay in sight. */
export function ResultView({ answer, image = "", compact = false }: ResultProps) {
  const { header, arrays } = answer;
  const view = header.spec as unknown as View;
  const rest = (
    <div class="result-rest">
      <Keep header={header} film={view.panels.some((panel) => panel.array === "frames")} />
      <Python line={header.python} />
      <Evidence found={header.evidence} />
    </div>
  );
  return (
    <section class="result" aria-label={view.title}>
      <h3 class="result-title">{view.title}</h3>
      {state.resultOf(header.technique) === "Adversarial" && (
        <button type="button" class="main" onClick={() => void compareWithResult(header.digest, image)}>
          Look at it beside the picture
        </button>
      )}
      <ViewOf view={view} arrays={arrays} unit={header.unit} />
      {view.panels.length === 0 && <p class="quiet">There is nothing to draw: see below why.</p>}
      {view.note && <p class="result-note">{view.note}</p>}
      {compact ? (
        <details>
          <summary>Save, Python, how it was found</summary>
          {rest}
        </details>
      ) : (
        rest
      )}
    </section>
  );
}

/** What the table of a technique's result says. */
const TABLES: Record<string, string> = {
  flipped_units: "What each unit puts out before and after the change, and whether it flips",
  margin_path: "What each unit contributes to the change of the margin",
  embed: "Where each image lies, on the map and on the grid",
  neuron_projection: "The class of each unit, and where it lies",
  separating_units: "How surely each unit tells the selected images from the others",
};

/** Saves what the result is kept as. */
function Keep({ header, film }: { header: Answer; film: boolean }) {
  const [trouble, put] = useState("");
  const save = async (ending: Ending) => {
    try {
      put("");
      const link = document.createElement("a");
      link.href = await readyHost().artifactUrl(header.digest, ending);
      link.download = `${header.technique}-${header.unit.replace(/[^\w.-]+/g, "_")}-${header.digest.slice(0, 8)}.${ending}`;
      link.click();
    } catch (error) {
      put(sentence(error));
    }
  };
  return (
    <div class="row result-keep">
      <button type="button" onClick={() => void save("png")} title="The picture; it carries its request, so convscope can make it again">
        Save PNG
      </button>
      <button type="button" onClick={() => void save("npz")} title="All arrays, for NumPy">
        Numbers (npz)
      </button>
      {TABLES[header.technique] && (
        <button type="button" onClick={() => void save("parquet")} title={TABLES[header.technique]}>
          Table (parquet)
        </button>
      )}
      {header.technique === "connections" && (
        <button type="button" onClick={() => void save("svg")}>
          Drawing (svg)
        </button>
      )}
      {film && (
        <button type="button" onClick={() => void save("mp4")}>
          Film (mp4)
        </button>
      )}
      {trouble && (
        <p class="wrong" role="alert">
          {trouble}
        </p>
      )}
    </div>
  );
}

function Evidence({ found }: { found: Record<string, unknown> }) {
  const rows = Object.entries(found);
  if (!rows.length) return null;
  return (
    <details class="result-evidence">
      <summary>How it was found</summary>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name.replace(/_/g, " ")}</dt>
            <dd>{told(value)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

export function told(value: unknown): string {
  if (value === null) return "none";
  if (typeof value === "number") return Number.isInteger(value) ? String(value).replace("-", "−") : written(value);
  if (Array.isArray(value))
    return value.length > 12 ? `${value.slice(0, 12).map(told).join(", ")}, … ${value.length} in all` : value.map(told).join(", ");
  if (typeof value === "object")
    return Object.entries(value)
      .map(([key, one]) => `${key}: ${told(one)}`)
      .join(", ");
  return String(value);
}

/** The Python that makes it again, to copy. */
export function Python({ line }: { line: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, put] = useState("Copy");
  if (!line) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      put("Copied");
      state.said.value = "The Python is copied.";
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current); // without leave to write, the reader copies
      put("Press Ctrl-C");
    }
  };
  return (
    <div class="copyable">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll a long line only where it has the focus */}
      <pre tabIndex={0} role="group" aria-label="Python that makes this again">
        <code ref={code}>{line}</code>
      </pre>
      <button type="button" onClick={() => void copy()} onBlur={() => put("Copy")}>
        {copied}
      </button>
    </div>
  );
}
