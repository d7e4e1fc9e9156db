/** The map page: the map, and beside it what its colors mean, the image one is at, the selection, and how far to trust it. */
import { useEffect } from "preact/hooks";
import { leaveMap } from "../../store/places/map_place";
import * as ui from "../../store/ui";
import { follow } from "../asking";
import { Stage } from "../stage";
import * as state from "../state";
import { Card } from "./card";
import { Facts } from "./facts";
import { Legend } from "./legend";
import { inShort, madeHow, qualityOf } from "./quality";
import { Selection } from "./selection";
import { Tools } from "./tools";

/** `make` opens the form that makes a map, where there is one. */
export function MapPage({ make = null }: { make?: (() => void) | null }) {
  useEffect(follow, []);
  if (!state.map.value) return <NoMap make={make} />;
  return (
    <main class="map-page">
      <div class="map-main">
        <Tools />
        <Stage />
        <p class="panel map-trust">
          {[inShort(qualityOf(state.map.value.header)), madeHow(state.map.value.header)].filter(Boolean).join(" · ")}
        </p>
      </div>
      <div class="column map-side">
        <Card />
        <Legend />
        <Selection />
        <Facts />
      </div>
    </main>
  );
}

function NoMap({ make }: { make: (() => void) | null }) {
  const none = state.maps.value?.length === 0;
  const ask = () => {
    leaveMap();
    ui.tab.value = "technique";
    make?.();
  };
  return (
    <main class="waiting map-none">
      {state.trouble.value ? (
        <p role="alert">{state.trouble.value}</p>
      ) : (
        <p>
          {none ? "There is no map yet. A map lays out images so that those a layer takes for alike lie side by side." : "Opening the map…"}
        </p>
      )}
      {make && (none || state.trouble.value) && (
        <button type="button" class="main" onClick={ask}>
          Make a map
        </button>
      )}
      <ul>
        {state.trouble.value &&
          state.maps.value?.map((one) => (
            <li key={one.digest}>
              <a href={`#/map/${one.digest}`}>{one.title}</a>
            </li>
          ))}
      </ul>
    </main>
  );
}
