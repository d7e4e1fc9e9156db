/** The layer table as a tree by module, what of it is shown, and the connections between what is shown. */
import type { LayerInfo } from "../schema";

/** A module: a layer where `layer` is there; else only what its children have in common. */
export interface Node {
  name: string;
  label: string;
  depth: number;
  layer: LayerInfo | null;
  parent: Node | null;
  children: Node[];
}

/**
 * A connection between two rows that are shown; one between rows beside each other needs no lane, which is then -1. Where
 * several layers of a closed module read the same row, as round a residual block, a second one goes in a lane.
 */
export interface Edge {
  from: number;
  to: number;
  lane: number;
}

const SHOWN = 40; // rows that are found without scrolling far
const FEW = 5; // layers that stay behind their block

/** The modules in order of their first output, each before its parts. */
export function grow(layers: readonly LayerInfo[]): Node[] {
  const roots: Node[] = [];
  const nodes = new Map<string, Node>();
  for (const layer of layers) {
    let parent: Node | null = null;
    const parts = layer.name.split(".");
    for (let depth = 0; depth < parts.length; depth += 1) {
      const name = parts.slice(0, depth + 1).join(".");
      let node = nodes.get(name);
      if (!node) {
        node = { name, label: parts[depth] ?? name, depth, layer: null, parent, children: [] };
        nodes.set(name, node);
        (parent?.children ?? roots).push(node);
      }
      if (depth === parts.length - 1) node.layer = layer;
      parent = node;
    }
  }
  return roots;
}

export function everyNode(roots: readonly Node[]): Node[] {
  return roots.flatMap((node) => [node, ...everyNode(node.children)]);
}

/** The modules open at first: those of modules, and of many layers, level by level while not too many rows are shown. */
export function openAtFirst(roots: readonly Node[], most = SHOWN): Set<string> {
  const open = new Set<string>();
  let level = roots.filter(worthOpening);
  let shown = roots.length;
  while (level.length) {
    shown += level.reduce((sum, node) => sum + node.children.length, 0);
    if (shown > most) break;
    for (const node of level) open.add(node.name);
    level = level.flatMap((node) => node.children.filter(worthOpening));
  }
  return open;
}

function worthOpening({ children }: Node): boolean {
  return children.length >= FEW || children.some((child) => child.children.length > 0);
}

/** The rows to show: children of open modules; where words are searched, every layer whose name or kind has them all. */
export function shownRows(roots: readonly Node[], open: ReadonlySet<string>, words = ""): Node[] {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (asked.length)
    return everyNode(roots).filter((node) => {
      const text = `${node.name} ${node.layer?.kind ?? ""}`.toLowerCase();
      return node.layer && asked.every((word) => text.includes(word));
    });
  return roots.flatMap((node) => [node, ...(open.has(node.name) ? shownRows(node.children, open) : [])]);
}

/** The modules a layer is in, which must be open for it to be shown. */
export function above(name: string): string[] {
  const parts = name.split(".");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
}

/** The row that stands for a layer: its own, that of the module it is hidden in, or its last part where it is open. */
function standsFor(name: string, rows: ReadonlyMap<string, number>, open: ReadonlySet<string>, last: ReadonlyMap<string, string>): number {
  let shown = name;
  while (open.has(shown) && last.has(shown)) shown = last.get(shown) ?? shown;
  for (const each of [shown, ...above(shown).reverse()]) {
    const row = rows.get(each);
    if (row !== undefined) return row;
  }
  return -1;
}

/** The connections between rows, each in the first lane that is free over its whole length. */
export function connections(layers: readonly LayerInfo[], roots: readonly Node[], open: ReadonlySet<string>): Edge[] {
  const shown = shownRows(roots, open);
  const rows = new Map(shown.map((node, row) => [node.name, row]));
  const last = new Map<string, string>();
  for (const layer of layers) {
    const parent = above(layer.name).at(-1);
    if (parent) last.set(parent, layer.name);
  }
  const found = new Map<string, Edge>();
  const several = new Map<string, Edge>();
  for (const layer of layers)
    for (const input of layer.inputs) {
      const from = standsFor(input, rows, open, last);
      const to = standsFor(layer.name, rows, open, last);
      const name = `${from}>${to}`;
      if (from >= 0 && to > from) (found.has(name) ? several : found).set(name, { from, to, lane: -1 });
    }
  const beside = (edge: Edge) => shown.slice(edge.from + 1, edge.to).every((node) => open.has(node.name));
  const trunk = [...found.values()].filter(beside);
  const aside = [...found.values()].filter((edge) => !beside(edge));
  return [...trunk, ...inLanes([...aside, ...[...several.values()].filter(beside)])];
}

function inLanes(edges: Edge[]): Edge[] {
  const busy: number[] = [];
  for (const edge of edges.sort((a, b) => a.from - b.from || a.to - b.to)) {
    const free = busy.findIndex((until) => until <= edge.from);
    edge.lane = free < 0 ? busy.length : free;
    busy[edge.lane] = edge.to;
  }
  return edges;
}
