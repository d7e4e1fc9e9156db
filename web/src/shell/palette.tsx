/** Search for a layer, a unit or a class, by keys alone. */
import { useComputed } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { SearchBox } from "../panels/search_box";
import { type Found, find } from "../store/finding";
import { select } from "../store/selection";
import * as state from "../store/state";
import * as ui from "../store/ui";
import { told } from "../toolbox/units";

export function Palette() {
  return ui.paletteOpen.value ? <Dialog /> : null;
}

function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const found = useComputed(() => (state.network.value ? find(state.network.value, ui.paletteText.value) : []));
  useLayoutEffect(() => dialog.current?.showModal(), []); // before the next key, or it goes to the page
  const close = () => (ui.paletteOpen.value = false);
  const take = (row: Found) => {
    close();
    select(row.layer, row.channel);
    state.said.value = told(row.channel);
  };
  return (
    <dialog
      class="palette"
      ref={dialog}
      aria-label="Search"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <SearchBox
        input={{ autofocus: true, "aria-label": "Layer, unit or class", placeholder: "Layer, unit such as blocks.2:17, or class" }}
        text={ui.paletteText.value}
        found={found.value}
        type={(text) => (ui.paletteText.value = text)}
        take={take}
      />
      {!found.value.length && <p class="quiet empty">No layer, unit or class is called that.</p>}
    </dialog>
  );
}
