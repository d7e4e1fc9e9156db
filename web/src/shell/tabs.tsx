/** What else is known of the unit: the scan, any technique of the catalog, and the jobs. */
import { useRef } from "preact/hooks";
import { JobsPanel } from "../panels/jobs";
import { ScanPanel } from "../panels/scan/scan";
import { TechniquePanel } from "../panels/technique/technique";
import * as state from "../store/state";
import * as ui from "../store/ui";

const TABS = [
  ["scan", "In the scan", ScanPanel],
  ["technique", "Techniques", TechniquePanel],
  ["jobs", "Jobs", JobsPanel],
] as const;

export function Tabs() {
  const list = useRef<HTMLDivElement>(null);
  if (!ui.showUnits.value) return null;
  const press = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = TABS.findIndex(([name]) => name === ui.tab.value);
    const next = (at + step + TABS.length) % TABS.length;
    ui.tab.value = TABS[next]![0];
    list.current?.querySelectorAll("button")[next]?.focus();
  };
  return (
    <section class="panel tabs-panel" aria-label="More about the unit">
      <div class="tabs" role="tablist" aria-label="More about the unit" ref={list} onKeyDown={press}>
        {TABS.map(([name, title]) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-controls={`panel-${name}`}
            aria-selected={ui.tab.value === name}
            tabIndex={ui.tab.value === name ? 0 : -1}
            onClick={() => (ui.tab.value = name)}
          >
            {title}
            {name === "jobs" && <Busy />}
          </button>
        ))}
      </div>
      {TABS.map(([name, , Panel]) => (
        <div key={name} role="tabpanel" id={`panel-${name}`} aria-labelledby={`tab-${name}`} hidden={ui.tab.value !== name}>
          <Panel />
        </div>
      ))}
    </section>
  );
}

function Busy() {
  const busy = state.jobs.value.filter((job) => job.state === "queued" || job.state === "running").length;
  return busy ? <span class="count">{busy}</span> : null;
}
