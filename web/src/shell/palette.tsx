/** Search for a layer, a unit or a class, by keys alone. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { select } from "../store/selection";
import * as state from "../store/state";
import * as ui from "../store/ui";
import { told } from "../toolbox/units";
import { type Found, find } from "./finding";

export function Palette() {
  return ui.paletteOpen.value ? <Dialog /> : null;
}

function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const at = useSignal(0);
  const found = useComputed(() => (state.network.value ? find(state.network.value, ui.paletteText.value) : []));
  useLayoutEffect(() => dialog.current?.showModal(), []); // before the next key, or it goes to the page
  const close = () => (ui.paletteOpen.value = false);
  const take = (row: Found | undefined) => {
    if (!row) return;
    close();
    select(row.layer, row.channel);
    state.said.value = told(row.channel);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (event.key === "Enter") take(found.value[at.value]);
    else if (step) at.value = Math.max(0, Math.min(at.value + step, found.value.length - 1));
    else return;
    event.preventDefault();
  };
  const type = (text: string) => {
    ui.paletteText.value = text;
    at.value = 0;
  };
  return (
    <dialog
      class="palette"
      ref={dialog}
      aria-label="Search"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-autocomplete="list"
        autofocus
        aria-activedescendant={found.value.length ? `found-${at.value}` : undefined}
        aria-label="Layer, unit or class"
        placeholder="Layer, unit such as blocks.2:17, or class"
        value={ui.paletteText.value}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={press}
      />
      <ul id="palette-list" role="listbox" aria-label="Found">
        {found.value.map((row, i) => (
          <Line key={`${row.kind} ${row.text} ${row.channel}`} row={row} id={`found-${i}`} on={i === at.value} take={take} />
        ))}
      </ul>
      {!found.value.length && <p class="quiet empty">No layer, unit or class is called that.</p>}
    </dialog>
  );
}

function Line({ row, id, on, take }: { row: Found; id: string; on: boolean; take(row: Found): void }) {
  const line = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (on) line.current?.scrollIntoView({ block: "nearest" });
  }, [on]);
  return (
    <li ref={line} id={id} role="option" aria-selected={on} onClick={() => take(row)}>
      <span class={`kind ${row.kind}`}>{row.kind}</span>
      <span class="name">{row.text}</span>
      <span class="quiet">{row.about}</span>
    </li>
  );
}
