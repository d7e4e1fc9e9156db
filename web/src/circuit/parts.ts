/** The parts of a drawn circuit: its units, which can be made the root, and the edges between them, with what made them. */
import { parseUnit } from "../store/address";
import { apart } from "../store/link";
import { select } from "../store/selection";
import * as state from "../store/state";

/** An edge in words: what it joins and gives, and below it the numbers that made it. */
export interface Edge {
  title: string;
  numbers: string;
}

export interface Unit {
  address: string;
  about: string;
  into: Edge[];
}

/** What a text says of an edge. */
export function edgeOf(text: string): Edge {
  const [title = "", ...rest] = text.split("\n");
  return { title, numbers: rest.join("\n") };
}

/** Whether a unit can be the root: one of a layer, as the network has it. */
export function canBeRoot(address: string): boolean {
  const unit = parseUnit(address.replace(/@.*$/, ""));
  return Boolean(unit && unit.layer !== "input" && state.network.value?.layers.some((row) => row.name === unit.layer));
}

/** Makes a unit the root: it is selected, and going Back selects the one before. */
export function makeRoot(address: string): void {
  const unit = parseUnit(address.replace(/@.*$/, ""));
  if (!unit || !canBeRoot(address)) return;
  apart();
  select(unit.layer, unit.channel);
  state.said.value = `The circuit of ${state.unit.value}.`;
}

/** What is told of the part under the pointer, or of the unit with the focus; null where there is none. */
export function partAt(target: Element): { unit: Unit } | { edge: Edge } | null {
  const unit = target.closest<SVGElement>("[data-unit]");
  if (unit) return { unit: unitOf(unit) };
  const edge = target.closest<SVGElement>("[data-source]");
  return edge ? { edge: edgeOf(titleOf(edge)) } : null;
}

function unitOf(element: SVGElement): Unit {
  const edges = element.ownerSVGElement?.querySelectorAll(`.edge[data-target="${element.dataset.number}"]`) ?? [];
  const into = [...edges].reverse().map((edge) => edgeOf(titleOf(edge))); // drawn from the weakest on
  return { address: element.dataset.unit ?? "", about: titleOf(element), into };
}

/** Marks the edges of a unit, or none. */
export function light(drawing: SVGSVGElement | null, number: string | undefined): void {
  for (const edge of drawing?.querySelectorAll<SVGElement>(".edge") ?? [])
    edge.classList.toggle("lit", number !== undefined && (edge.dataset.source === number || edge.dataset.target === number));
  drawing?.classList.toggle("lighting", number !== undefined);
}

/** Makes the units of a drawing buttons. */
export function furnish(drawing: SVGSVGElement): void {
  const units = drawing.querySelectorAll<SVGElement>("[data-unit]");
  units.forEach((unit, i) => {
    const address = unit.dataset.unit ?? "";
    const root = i === units.length - 1;
    const does = root ? ", the root" : canBeRoot(address) ? "; make it the root" : "";
    unit.setAttribute("role", canBeRoot(address) && !root ? "button" : "img");
    unit.setAttribute("tabindex", "0");
    const written = [...unit.querySelectorAll("text")].map((text) => text.textContent).join(" "); // a name has what one sees
    unit.setAttribute("aria-label", `${written}: ${titleOf(unit).split("\n").slice(0, 2).join(", ")}${does}`);
  });
}

function titleOf(element: Element): string {
  return element.querySelector("title")?.textContent ?? "";
}
