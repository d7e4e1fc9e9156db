/** A page whose code is fetched when it is first shown. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Page } from "../store/page";
import { report } from "../store/requests";

type Later = Exclude<Page, "Toolbox" | "Map">;

const FETCH: Readonly<Record<Later, () => Promise<ComponentType>>> = {
  Circuit: async () => (await import("../circuit/page")).CircuitPage,
  Space: async () => (await import("../space/page/space_page")).default,
  Training: async () => (await import("../training/page")).TrainingPage,
};

const fetched: Partial<Record<Later, ComponentType>> = {};

export function LaterPage({ page }: { page: Later }) {
  const [, show] = useState<ComponentType>();
  const Here = fetched[page];
  useEffect(() => {
    if (!fetched[page]) FETCH[page]().then((found) => show(() => (fetched[page] = found)), report);
  }, [page]);
  return Here ? <Here /> : <main class="waiting">Fetching the page…</main>;
}
