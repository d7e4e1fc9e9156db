/** Above everything: which network, the search, how it looks, whether the server is there. */
import { leaveMap, mapPlace, openMap } from "../store/map_place";
import { openNetwork } from "../store/selection";
import { openSpace, spacePlace } from "../store/space_place";
import * as state from "../store/state";
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
      <Networks />
      <button type="button" class="search" onClick={() => ui.openPalette()}>
        <span>Search layer, unit, class</span> <kbd>Ctrl K</kbd>
      </button>
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
  const page = spacePlace.value ? "Space" : mapPlace.value ? "Map" : "Toolbox";
  const go = (to: string) => {
    if (to === page) return;
    if (mapPlace.value) leaveMap();
    spacePlace.value = null;
    if (to === "Map") openMap();
    if (to === "Space") openSpace({ at: state.layer.value });
  };
  return (
    <nav class="pages" aria-label="Pages">
      {["Toolbox", "Space", "Map"].map((name) => (
        <button key={name} type="button" aria-current={name === page ? "page" : undefined} onClick={() => go(name)}>
          {name}
        </button>
      ))}
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
