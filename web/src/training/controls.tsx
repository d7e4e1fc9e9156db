/** Pause, single steps, and the settings of the optimizer: a loop is asked, and does it between two steps. */
import { useEffect, useState } from "preact/hooks";
import type { GroupSettings, RunLoop } from "../schema";
import * as state from "./state";

const SETTINGS = [
  ["learning_rate", "Learning rate"],
  ["momentum", "Momentum"],
  ["weight_decay", "Weight decay"],
] as const;
const STATES = { running: "Running", paused: "Paused", ended: "Ended", silent: "Silent" } as const;

export function Controls({ run, mark }: { run: number; mark: string }) {
  const data = state.known.value[run];
  if (!data) return null;
  const { loop, step } = data.header;
  const busy = loop.state === "running" || loop.state === "paused";
  const locked = !busy || !!loop.refusal;
  return (
    <section class="panel train-controls" aria-label={`Loop${mark && ` ${mark}`}`}>
      <div class="row">
        <h2>
          {mark && <span class={`train-mark run${mark === "A" ? 0 : 1}`}>{mark}</span>} {data.header.module}{" "}
          <small>{state.runs.value[run]?.name}</small>
        </h2>
        <span class={`train-state ${loop.state}`}>{STATES[loop.state]}</span>
      </div>
      <Numbers loop={loop} step={step} seconds={data.time.at(-1) ?? 0} run={run} />
      {busy && !loop.refusal && (
        <div class="row">
          {loop.state === "running" ? (
            <button type="button" class="main" onClick={() => void state.command({ run, does: "pause" })}>
              Pause
            </button>
          ) : (
            <button type="button" class="main" onClick={() => void state.command({ run, does: "resume" })}>
              Resume
            </button>
          )}
          {[1, 10, 100].map((steps) => (
            <button key={steps} type="button" onClick={() => void state.command({ run, does: "step", steps })}>
              {steps === 1 ? "1 step" : `${steps} steps`}
            </button>
          ))}
        </div>
      )}
      {loop.groups.length > 0 && (
        <div class="train-groups">
          {loop.groups.map((group, i) => (
            <Group key={i} run={run} number={i} group={group} locked={locked} mark={mark} alone={loop.groups.length === 1} />
          ))}
        </div>
      )}
      {busy && loop.refusal && <p class="quiet">{loop.refusal}</p>}
      {loop.said && (
        <p class="train-said" role="status">
          {loop.said}
        </p>
      )}
    </section>
  );
}

function Numbers({ loop, step, seconds, run }: { loop: RunLoop; step: number; seconds: number; run: number }) {
  const rows: [string, string][] = [["Steps", step.toLocaleString("en")]];
  if (loop.batch) rows.push(["Examples seen", `about ${(loop.batch * step).toLocaleString("en")}, ${loop.batch} a step`]);
  if (loop.forward !== null) rows.push(["Forward", milliseconds(loop.forward)]);
  if (loop.backward !== null) rows.push(["Backward, with the loss", milliseconds(loop.backward)]);
  rows.push(["Time", clock(seconds)]);
  if (loop.share !== null && loop.state !== "ended") rows.push(["Watching costs", `${(100 * loop.share).toFixed(1)} % of the loop's time`]);
  return (
    <dl class="train-numbers" data-run={run}>
      {rows.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function milliseconds(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)} ms`;
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function Group(props: { run: number; number: number; group: GroupSettings; locked: boolean; mark: string; alone: boolean }) {
  const { group, number, alone } = props;
  return (
    <fieldset class="train-group">
      <legend>
        {group.optimizer}
        {!alone && `, group ${number}`} <small class="quiet">{group.weights.toLocaleString("en")} weights</small>
      </legend>
      {SETTINGS.map(([name, words]) => (
        <Setting key={name} {...props} name={name} words={words} value={group[name]} />
      ))}
    </fieldset>
  );
}

interface SettingProps {
  run: number;
  number: number;
  group: GroupSettings;
  locked: boolean;
  mark: string;
  name: (typeof SETTINGS)[number][0];
  words: string;
  value: number | null;
}

function Setting({ run, number, group, locked, mark, name, words, value }: SettingProps) {
  const [text, put] = useState<string | null>(null);
  const id = `train-${run}-${number}-${name}`;
  useEffect(() => put(null), [value]);
  const shown = value === null ? "" : String(Number(value.toPrecision(6)));
  const ask = async (event: Event) => {
    event.preventDefault();
    const wanted = Number(text);
    if (text === null || text.trim() === "" || !Number.isFinite(wanted)) state.told.value = `${words} must be a number, not ${text}.`;
    else if (await state.command({ run, does: "set", group: number, name, value: wanted })) put(null);
  };
  return (
    <form class="train-setting" onSubmit={(event) => void ask(event)} noValidate>
      <label for={id}>
        {words} {mark && <span class="unseen">of {mark}</span>}
      </label>
      <input
        id={id}
        inputMode="decimal"
        value={text ?? shown}
        disabled={locked || value === null}
        placeholder={value === null ? "none" : ""}
        title={value === null ? `${group.optimizer} has no ${words.toLowerCase()}` : ""}
        onInput={(event) => put(event.currentTarget.value)}
      />
      {text !== null && text !== shown && (
        <button type="submit" class="small main">
          Set
        </button>
      )}
    </form>
  );
}
