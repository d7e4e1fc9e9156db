/** What the reader must be told: the server is gone, a link leads elsewhere, something was refused. */
import * as state from "../store/state";

const LOST = {
  gone: "The server does not answer. What you see is kept, and the page connects again by itself. If you stopped it, start it again and open the link it prints.",
  denied: "This page has no valid token. Open the link that was printed in its terminal: it ends in #token=….",
} as const;

export function Notices() {
  const { value } = state.connection;
  return (
    <div class="notices">
      {(value === "gone" || value === "denied") && (
        <p class="notice bad" role="alert">
          {LOST[value]}
        </p>
      )}
      {state.problem.value && (
        <p class="notice" role="alert">
          <span>{state.problem.value}</span>
          <button type="button" onClick={() => (state.problem.value = "")}>
            Dismiss
          </button>
        </p>
      )}
      <p class="unseen" role="status" aria-live="polite">
        {state.said.value}
      </p>
    </div>
  );
}
