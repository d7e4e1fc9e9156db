/** The page: the light's path from left to right, from the picture through the layers to the units and the chosen one. */
import { useEffect } from "preact/hooks";
import { SourcesPanel } from "../input/sources_panel";
import { MapPage } from "../map/page/map_page";
import { ComparePanel } from "../panels/beside/compare";
import { follow } from "../panels/gallery";
import { choose } from "../panels/technique/asking";
import { shown } from "../store/page";
import * as state from "../store/state";
import { Classes } from "../toolbox/classes";
import { Grid } from "../toolbox/grid/grid";
import { Layers } from "../toolbox/layers";
import { PicturePanel } from "../toolbox/picture";
import { UnitPanel } from "../toolbox/unit";
import { Header } from "./header";
import { Help } from "./help";
import { LaterPage } from "./later_page";
import { Notices } from "./notices";
import { Palette } from "./palette";
import { PythonLine } from "./python";
import { Tabs } from "./tabs";

const PARTS = [
  ["specimen", "Picture"],
  ["layers", "Layers"],
  ["units", "Units"],
  ["unit", "Unit"],
] as const;

export function App() {
  return (
    <>
      <Header />
      <Notices />
      <Page />
      <PythonLine />
      {shown.value === "Toolbox" && <Parts />}
      <Palette />
      <Help />
    </>
  );
}

function Page() {
  if (!state.network.value && shown.value !== "Training") return <Waiting />;
  if (shown.value === "Map") return <MapPage make={() => choose("embed")} />;
  if (shown.value === "Toolbox") return <Stage />;
  return <LaterPage key={shown.value} page={shown.value} />;
}

function Parts() {
  return (
    <nav class="parts" aria-label="Parts of the page">
      {PARTS.map(([id, title]) => (
        <button key={id} type="button" onClick={() => document.getElementById(id)?.scrollIntoView()}>
          {title}
        </button>
      ))}
    </nav>
  );
}

function Stage() {
  useEffect(follow, []);
  return (
    <main>
      <div class="column" id="specimen">
        <PicturePanel />
        <Classes />
        <div class="panel">
          <SourcesPanel />
        </div>
        <div class="panel">
          <ComparePanel />
        </div>
      </div>
      <div class="column" id="layers">
        <Layers />
      </div>
      <div class="column" id="units">
        <Grid />
      </div>
      <div class="column" id="unit">
        <UnitPanel />
        <Tabs />
      </div>
    </main>
  );
}

function Waiting() {
  const words = {
    connecting: "Connecting to the explorer…",
    connected: "Opening the network…",
    gone: "Waiting for the server.",
    denied: "Nothing can be shown without the token.",
  } as const;
  return (
    <main class="waiting">
      <p>{words[state.connection.value]}</p>
    </main>
  );
}
