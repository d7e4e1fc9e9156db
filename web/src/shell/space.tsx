/** The page of a network in space, which is fetched when it is first opened. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { report } from "../store/requests";

let page: ComponentType | null = null;

export function SpaceDoor() {
  const [, put] = useState(page);
  useEffect(() => {
    if (!page)
      import("../space/page/space_page").then((found) => {
        page = found.default;
        put(() => page);
      }, report);
  }, []);
  const Page = page;
  return Page ? <Page /> : <main class="waiting">Fetching the page…</main>;
}
