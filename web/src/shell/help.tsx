/** The keys, and whether single ones act. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { MAP_KEYS } from "../map/keys";
import * as state from "../store/state";
import * as ui from "../store/ui";
import { KEYS, type Key } from "./keys";

const GROUPS: readonly Key["group"][] = ["Layers and units", "Picture", "Grid", "Tracing back", "Page"];
const SIGNS: Record<string, string> = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

export function Help() {
  return ui.helpOpen.value ? <Dialog /> : null;
}

function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const close = () => (ui.helpOpen.value = false);
  return (
    <dialog
      class="help"
      ref={dialog}
      aria-labelledby="help-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <header class="tools">
        <h2 id="help-title">Keys</h2>
        <button type="button" autofocus onClick={close}>
          Close
        </button>
      </header>
      <label class="check">
        <input
          type="checkbox"
          checked={state.singleKeys.value}
          onChange={(event) => (state.singleKeys.value = event.currentTarget.checked)}
        />
        Single keys act. Switched off, only arrows, Home, End, Page keys, Esc and Ctrl-K do.
      </label>
      <div class="key-groups">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {KEYS.filter((row) => row.group === group).map((row) => (
                <Line key={row.text} row={row} />
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Map, while it has the focus</h3>
          <dl>
            {MAP_KEYS.map((row) => (
              <Line key={row.text} row={row} />
            ))}
          </dl>
        </section>
      </div>
      <p class="quiet">
        These are the keys of the Deep Visualization Toolbox (Yosinski and others, 2015) where it had one. Every one is also a control on
        the page. Paste or drop a picture anywhere. In the layer tree, arrows walk, right opens and left closes.
      </p>
    </dialog>
  );
}

function Line({ row }: { row: Pick<Key, "keys" | "text"> }) {
  return (
    <div>
      <dt>
        {row.keys.map((key) => (
          <kbd key={key}>{SIGNS[key] ?? key}</kbd>
        ))}
      </dt>
      <dd>{row.text}</dd>
    </div>
  );
}
