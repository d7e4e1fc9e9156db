/** What a result shows, as the host tells it: a kind, words, and what that kind needs. */
import type { Arr } from "../hosts/host";
import type { Panel } from "./tile_layout";

/** A view without its arrays. */
export interface View {
  kind: string;
  title: string;
  note: string;
  panels: Panel[];
}

/** What draws a view of some kind is given: the view, its arrays by name, and the unit it is about. */
export interface ViewProps {
  view: View;
  arrays: Readonly<Record<string, Arr>>;
  unit: string;
}
