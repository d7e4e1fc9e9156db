/** Above everything: which network, the search, how it looks, whether the server is there. */
import { batch } from "@preact/signals";
import { leaveMap, mapPlace, openMap } from "../store/map_place";
import { openNetwork } from "../store/selection";
import * as state from "../store/state";
import { trainingPlace } from "../store/training_place";
import * as ui from "../store/ui";

const THEMES: readonly state.Theme[] = ["auto", "light", "dark"];
const STATES = { connected: "Connected", connecting: "Connecting…", gone: "Server gone", denied: "No valid token" } as const;

export function Header() {
  return (
    <header class="top">
      <h1>
        <span class="mark" aria-hidden="true" /> convscope
      </h1>
      <Pages />
      {state.network.value && (
        <>
          <Networks />
          <button type="button" class="search" onClick={() => ui.openPalette()}>
            <span>Search layer, unit, class</span> <kbd>Ctrl K</kbd>
          </button>
        </>
      )}
      <span class={`connection ${state.connection.value}`}>
        <span aria-hidden="true" />
        {STATES[state.connection.value]}
      </span>
      <Theme />
      <button type="button" onClick={() => (ui.helpOpen.value = true)}>
        Keys <kbd>?</kbd>
      </button>
    </header>
  );
}

/** The pages there are. */
function Pages() {
  const here = trainingPlace.value ? "Training" : mapPlace.value ? "Map" : "Toolbox";
  const page = (name: string, go: () => unknown) => (
    <button type="button" aria-current={name === here ? "page" : undefined} onClick={() => name === here || go()}>
      {name}
    </button>
  );
  const away = (go: () => void) => () =>
    batch(() => {
      trainingPlace.value = null;
      go();
    });
  return (
    <nav class="pages" aria-label="Pages">
      {state.network.value && page("Toolbox", away(leaveMap))}
      {state.network.value && page("Map", away(openMap))}
      {!!state.session.value?.runs && page("Training", () => (trainingPlace.value = "#/training"))}
    </nav>
  );
}

function Networks() {
  const names = state.session.value?.networks ?? [];
  const shown = state.network.value?.name ?? "";
  return (
    <select aria-label="Network" value={shown} onChange={(event) => void openNetwork(event.currentTarget.value)}>
      {(names.includes(shown) ? names : [shown, ...names]).map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

export function Theme() {
  return (
    <select
      aria-label="Theme"
      value={state.theme.value}
      onChange={(event) => (state.theme.value = THEMES[event.currentTarget.selectedIndex] ?? "auto")}
    >
      {THEMES.map((theme) => (
        <option key={theme} value={theme}>
          {theme}
        </option>
      ))}
    </select>
  );
}
