/** What draws each kind of view. A new kind is a component beside `tiles.tsx` and a row here. */
import type { FunctionComponent } from "preact";
import { Tiles } from "./tiles";
import type { ViewProps } from "./view";

const KINDS: Readonly<Record<string, FunctionComponent<ViewProps>>> = { tiles: Tiles };

/** A view, or a sentence in its place where this page does not know its kind. */
export function ViewOf(drawn: ViewProps) {
  const Kind = Object.hasOwn(KINDS, drawn.view.kind) ? KINDS[drawn.view.kind] : undefined;
  if (Kind) return <Kind {...drawn} />;
  return <p>This page cannot draw a view of kind {drawn.view.kind}. Its PNG shows it.</p>;
}
