/** The whole run under one slider, from its first step to what there is now; and what happened at which step. */
import { useId } from "preact/hooks";
import { HARM } from "./chart";
import { Harm } from "./layers";
import * as state from "./state";

export function Timeline() {
  const id = useId();
  const { at, last, live } = state;
  const kept = state.known.value[state.shown.value[0] ?? 0]?.header.snapshots ?? [];
  const near = (way: number) => {
    const others = kept.filter((step) => (way < 0 ? step < at.value : step > at.value));
    state.go((way < 0 ? others.at(-1) : others[0]) ?? (way < 0 ? 0 : -1));
  };
  return (
    <div class="panel train-timeline">
      <label for={id}>Step</label>
      <button type="button" class="small" aria-label="The snapshot before" onClick={() => near(-1)}>
        ◂
      </button>
      <input
        id={id}
        type="range"
        min={0}
        max={last.value}
        value={at.value}
        onInput={(event) => state.go(event.currentTarget.valueAsNumber)}
      />
      <button type="button" class="small" aria-label="The snapshot after" onClick={() => near(1)}>
        ▸
      </button>
      <output for={id}>
        {at.value.toLocaleString("en")} of {last.value.toLocaleString("en")}
      </output>
      <button type="button" aria-pressed={live.value} onClick={() => state.go(live.value ? last.value : -1)}>
        Newest
      </button>
    </div>
  );
}

export function Happened() {
  const rows = state.shown.value.flatMap((run, i, all) =>
    (state.known.value[run]?.header.events ?? []).map((event) => ({ event, mark: all.length > 1 ? "AB"[i]! : "" })),
  );
  rows.sort((a, b) => b.event.noticed - a.event.noticed);
  return (
    <section class="panel train-happened" aria-label="What happened">
      <h2>What happened</h2>
      {!rows.length && <p class="quiet">Nothing to tell: no layer dies, explodes or stands still.</p>}
      <ol>
        {rows.map(({ event, mark }, i) => (
          <li key={i}>
            <button type="button" class="small" onClick={() => state.go(event.step)} title="Go to this step">
              {mark} {event.step.toLocaleString("en")}
            </button>
            {HARM.has(event.what) ? (
              <div>
                {event.layer && <code>{event.layer}</code>} <Harm event={event} />
              </div>
            ) : (
              <p>
                <b>{event.what}</b> {event.layer && <code>{event.layer}</code>} {event.why}
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
