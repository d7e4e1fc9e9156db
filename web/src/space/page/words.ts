/** What planes are called, and the colors of the page's theme that a canvas needs. */
import type { PlaneInfo } from "../../schema";

/** Two lines: the layer, and what it holds. */
export function linesOf(plane: PlaneInfo): readonly string[] {
  return [short(plane.layer), shapeOf(plane)];
}

export function shapeOf({ shape }: PlaneInfo): string {
  return shape.length === 3 && shape[1] === shape[2] ? `${shape[0]} · ${shape[1]}²` : shape.join(" × ");
}

/** The kinds of layers in a plane: of what it begins with. */
export function kindOf(plane: PlaneInfo): string {
  return plane.joined.length > 1 ? `${plane.kind}, with ${plane.joined.length - 1} more` : plane.kind;
}

function short(name: string): string {
  return name.length > 22 ? `…${name.slice(-21)}` : name;
}

export function colorsOf(element: Element): { paper: string; wire: string; mark: string; empty: string; text: string; quiet: string } {
  const style = getComputedStyle(element);
  const own = (name: string) => style.getPropertyValue(name).trim();
  return {
    paper: own("--panel"),
    wire: own("--edge"),
    mark: own("--mark"),
    empty: own("--sunk"),
    text: own("--text"),
    quiet: own("--quiet"),
  };
}
