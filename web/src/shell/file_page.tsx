/** A map in a file by itself: the map page, and above it how it looks. */
import type { Held } from "../hosts/file";
import { MapPage } from "../map/page/map_page";
import { Theme } from "./header";
import { Notices } from "./notices";
import { PythonLine } from "./python";

export function FilePage({ held }: { held: Held }) {
  return (
    <>
      <header class="top">
        <h1>
          <span class="mark" aria-hidden="true" /> convscope
        </h1>
        <span class="quiet file-about">A map in a file: it asks nothing of any server. {held.left_out}</span>
        <Theme />
      </header>
      <Notices />
      <MapPage />
      <PythonLine />
    </>
  );
}
