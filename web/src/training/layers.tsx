/** The layers at the step that is looked at: what they do, how fast they learn, and what is wrong with them. */
import type { Frame } from "../hosts/host";
import type { RunEvent, RunLook } from "../schema";
import { written } from "../views/colors";
import { HARM } from "./chart";
import { type RunData, upTo } from "./data";
import * as state from "./state";
import { Tiles } from "./tiles";

export function LayersOf() {
  const shown = state.shown.value;
  const names = [...new Set(shown.flatMap((run) => state.known.value[run]?.header.layers.map((layer) => layer.name) ?? []))];
  return (
    <section aria-label="Layers" class="train-layers">
      <h2>
        Layers <small>{whatOf(state.looks.value[shown[0] ?? 0])}</small>
      </h2>
      {names.map((name) => (
        <article key={name} class="panel train-layer" aria-label={`Layer ${name}`}>
          {shown.map((run, i) => {
            const data = state.known.value[run];
            return (
              data && <OneLayer key={run} name={name} data={data} look={state.looks.value[run]} mark={shown.length > 1 ? "AB"[i]! : ""} />
            );
          })}
        </article>
      ))}
    </section>
  );
}

function whatOf(look: Frame<RunLook> | undefined): string {
  if (!look) return "";
  const { step, live, gradient_of, why } = look.header;
  if (why && !look.header.tiles.length) return why;
  const whose = gradient_of ? `; gradients of ${gradient_of}` : "";
  return `as step ${step.toLocaleString("en")} began${live ? ", live" : ""}, maps of the first picture of the probe${whose}; one scale a picture`;
}

function OneLayer({ name, data, look, mark }: { name: string; data: RunData; look: Frame<RunLook> | undefined; mark: string }) {
  const index = data.header.layers.findIndex((layer) => layer.name === name);
  const layer = data.header.layers[index];
  if (!layer) return <div class="train-one quiet">{mark} has no such layer.</div>;
  const step = state.at.value;
  const place = upTo(data.looks, step);
  const number = (table: number[][]) => table[place]?.[index] ?? Number.NaN;
  const weights = layer.weights.reduce((product, side) => product * side, layer.weights.length ? 1 : 0);
  return (
    <div class="train-one">
      <header>
        <h3>
          {mark && <span class={`train-mark run${mark === "A" ? 0 : 1}`}>{mark}</span>} {layer.kind} <code>{name}</code>
        </h3>
        <span class="quiet">{layer.weights.length ? `${layer.weights.join(" × ")} = ${weights.toLocaleString("en")} weights` : ""}</span>
        <dl>
          <Fact term="update / weight" value={number(data.ratio)} />
          <Fact term="gradient" value={number(data.gradient)} />
          <Fact term="dead channels" value={number(data.dead)} percent />
        </dl>
      </header>
      {data.header.events
        .filter((event) => event.layer === name && HARM.has(event.what) && event.step <= step)
        .map((event) => (
          <Harm key={`${event.what} ${event.step}`} event={event} />
        ))}
      <div class="train-pictures">
        {look?.header.tiles
          .filter((tiles) => tiles.layer === name)
          .map((tiles) => {
            const array = look.arrays[`t${tiles.array}`];
            return array && <Tiles key={tiles.kind} told={tiles} array={array} />;
          })}
      </div>
    </div>
  );
}

function Fact({ term, value, percent = false }: { term: string; value: number; percent?: boolean }) {
  if (Number.isNaN(value)) return null;
  return (
    <div>
      <dt>{term}</dt>
      <dd>{percent ? `${Math.round(100 * value)} %` : written(value)}</dd>
    </div>
  );
}

const WORDS: Record<string, string> = { dead: "Dead", explodes: "Explodes", still: "Stands still", nonfinite: "Not finite" };

export function Harm({ event }: { event: RunEvent }) {
  return (
    <p class="train-harm">
      <b>
        {WORDS[event.what] ?? event.what} since step {event.step.toLocaleString("en")}.
      </b>{" "}
      {event.why}
    </p>
  );
}
