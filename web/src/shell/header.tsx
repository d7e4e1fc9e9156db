/** Above everything: which network, the search, how it looks, whether the server is there. */
import { goTo, offered, shown } from "../store/page";
import { openNetwork } from "../store/selection";
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
  return (
    <nav class="pages" aria-label="Pages">
      {offered.value.map((page) => (
        <button key={page} type="button" aria-current={page === shown.value ? "page" : undefined} onClick={() => goTo(page)}>
          {page}
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
