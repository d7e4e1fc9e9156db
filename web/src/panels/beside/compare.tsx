/** A second picture beside the one on screen. What is told of the two is fetched when there is one. */
import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect, useId } from "preact/hooks";
import { compareWith } from "../../store/images";
import { report } from "../../store/requests";
import * as state from "../../store/state";

const beside = signal<FunctionComponent | null>(null);

export function ComparePanel() {
  const id = useId();
  const others = state.images.value.filter((row) => row.id !== state.image.value);
  const chosen = state.other.value;
  useEffect(() => {
    if (chosen && !beside.value) import("./both").then(({ Both }) => (beside.value = Both), report);
  }, [chosen]);
  const Both = beside.value;
  return (
    <section class="compare" aria-label="Compare with another picture">
      <div class="row">
        <label for={id}>Compare with</label>
        <select id={id} value={chosen} onChange={(event) => compareWith(event.currentTarget.value || state.image.value)}>
          <option value="">nothing</option>
          {others.map((row) => (
            <option key={row.id} value={row.id}>
              {row.name}
            </option>
          ))}
        </select>
      </div>
      {chosen && Both && <Both />}
    </section>
  );
}
