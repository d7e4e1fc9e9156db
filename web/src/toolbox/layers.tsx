/** The layers as a tree by module, with the network's connections drawn beside it. */
import { computed, effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { LayerInfo } from "../schema";
import { select } from "../store/selection";
import * as state from "../store/state";
import { above, connections, type Edge, grow, type Node, openAtFirst, shownRows } from "./tree";

const ROW = 26; // pixels, as in theme.css
const LANE = 7;
const LANES = 5; // further ones share the outermost
const TRUNK = 7;

const open = signal<ReadonlySet<string>>(new Set());
const words = signal("");
const roots = computed(() => grow(state.network.value?.layers ?? []));
const rows = computed(() => shownRows(roots.value, open.value, words.value));
const edges = computed(() => (words.value.trim() ? [] : connections(state.network.value?.layers ?? [], roots.value, open.value)));
const lanes = computed(() =>
  Math.min(
    LANES,
    edges.value.reduce((most, edge) => Math.max(most, edge.lane + 1), 0),
  ),
);

effect(() => {
  open.value = new Set([...openAtFirst(roots.value), ...above(state.layer.peek())]);
});
effect(() => {
  const hidden = above(state.layer.value).filter((name) => !open.peek().has(name));
  if (hidden.length) open.value = new Set([...open.peek(), ...hidden]);
});

function toggle(node: Node, wanted = !open.value.has(node.name)): void {
  const next = new Set(open.value);
  if (wanted) next.add(node.name);
  else next.delete(node.name);
  open.value = next;
}

/** Selects the layer so many rows further on. */
export function moveLayer(step: number): void {
  const names = rows.value.filter((row) => row.layer).map((row) => row.name);
  const next = names[Math.max(0, Math.min(names.indexOf(state.layer.value) + step, names.length - 1))];
  if (!next) return;
  select(next);
  const info = state.layerInfo.value;
  state.said.value = `Layer ${next}, ${info?.kind}, ${info?.shape.join(" by ")}.`;
}

export function Layers() {
  return (
    <section class="panel layers" aria-labelledby="layers-title">
      <header class="tools">
        <h2 id="layers-title">
          Layers <small>{state.network.value?.layers.length}</small>
        </h2>
        <input
          type="search"
          placeholder="Filter"
          aria-label="Filter layers by name or kind"
          value={words.value}
          onInput={(event) => (words.value = event.currentTarget.value)}
        />
      </header>
      <Tree />
    </section>
  );
}

function Tree() {
  const list = useRef<HTMLDivElement>(null);
  const selected = rows.value.findIndex((row) => row.name === state.layer.value);
  const at = Math.max(0, selected);
  useEffect(() => {
    const frame = list.current?.parentElement; // only the tree scrolls: the page must stay where the reader is
    if (!frame) return;
    if (ROW * at < frame.scrollTop) frame.scrollTop = ROW * at;
    else if (ROW * (at + 1) > frame.scrollTop + frame.clientHeight) frame.scrollTop = ROW * (at + 1) - frame.clientHeight;
  }, [at, state.network.value]);
  const press = (event: KeyboardEvent) => {
    const node = rows.value[at];
    if (!node || !arrow(event.key, node)) return;
    event.preventDefault();
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus());
  };
  if (!rows.value.length) return <p class="quiet empty">No layer is called that.</p>;
  return (
    <div class="tree-frame">
      <Wires />
      <div class="tree" role="tree" ref={list} aria-label="Layers" onKeyDown={press}>
        {rows.value.map((node, row) => (
          <Row key={node.name} node={node} focusable={row === at} />
        ))}
      </div>
    </div>
  );
}

function Row({ node, focusable }: { node: Node; focusable: boolean }) {
  const isOpen = open.value.has(node.name);
  const searched = words.value.trim() !== "";
  const branch = node.children.length > 0 && !searched;
  const { layer } = node;
  return (
    <div
      role="treeitem"
      class={`row ${layer ? "" : "module"}`}
      aria-level={searched ? 1 : node.depth + 1}
      aria-selected={node.name === state.layer.value}
      aria-expanded={branch ? isOpen : undefined}
      tabIndex={focusable ? 0 : -1}
      title={layer ? `${node.name} · ${layer.kind} · ${layer.shape.join(" × ")}` : node.name}
      style={{ paddingInlineStart: `${2 * TRUNK + LANE * lanes.value + 10 * (searched ? 0 : node.depth)}px` }}
      onClick={() => (layer ? select(node.name) : toggle(node))}
    >
      {branch ? (
        <span
          class="twist"
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            toggle(node);
          }}
        >
          {isOpen ? "▾" : "▸"}
        </span>
      ) : (
        <span class="twist" aria-hidden="true" />
      )}
      <span class="name">{searched ? node.name : shortName(node)}</span>
      {layer ? <Shape layer={layer} /> : <span class="shape" />}
    </div>
  );
}

/** Units and side of a layer; read out, its kind and shape. */
function Shape({ layer }: { layer: LayerInfo }) {
  return (
    <span class="shape" role="img" aria-label={`${layer.kind}, ${layer.shape.join(" by ")}`}>
      {layer.map ? `${layer.units}·${layer.shape.at(-1)}²` : layer.units}
    </span>
  );
}

/** A number alone says too little. */
function shortName({ label, parent }: Node): string {
  return parent && /^\d+$/.test(label) ? `${parent.label}.${label}` : label;
}

/** What a key does in the tree, as in every tree: right opens, left closes or goes up. */
function arrow(key: string, node: Node): boolean {
  if (key === "ArrowDown" || key === "ArrowUp") moveLayer(key === "ArrowDown" ? 1 : -1);
  else if (key === "Home") moveLayer(-Infinity);
  else if (key === "End") moveLayer(Infinity);
  else if (key === "ArrowRight" && node.children.length) toggle(node, true);
  else if (key === "ArrowLeft" && open.value.has(node.name)) toggle(node, false);
  else if (key === "ArrowLeft" && node.parent?.layer) select(node.parent.name);
  else return false;
  return true;
}

/** The connections: a trunk from row to row, and an arc in a lane of its own for each that skips rows. */
function Wires() {
  if (!edges.value.length) return null;
  const chosen = rows.value.findIndex((row) => row.name === state.layer.value);
  const width = 2 * TRUNK + LANE * lanes.value;
  const x = width - TRUNK;
  return (
    <svg class="wires" width={width} height={ROW * rows.value.length} aria-hidden="true">
      {edges.value.map((edge) => (
        <path
          key={`${edge.from}>${edge.to}>${edge.lane}`}
          d={wire(edge, x)}
          class={edge.from === chosen || edge.to === chosen ? "near" : ""}
        />
      ))}
      {rows.value.map(
        (node, row) =>
          node.layer &&
          (row === chosen || !open.value.has(node.name)) && (
            <circle key={node.name} cx={x} cy={ROW * (row + 0.5)} r={row === chosen ? 4 : 2.5} class={row === chosen ? "here" : ""} />
          ),
      )}
    </svg>
  );
}

function wire({ from, to, lane }: Edge, x: number): string {
  const [top, bottom] = [ROW * (from + 0.5), ROW * (to + 0.5)];
  if (lane < 0) return `M${x} ${top}V${bottom}`;
  const side = x - TRUNK - LANE * Math.min(lane, LANES - 1);
  return `M${x} ${top}C${side} ${top} ${side} ${top + 4} ${side} ${top + ROW / 2}V${bottom - ROW / 2}C${side} ${bottom - 4} ${side} ${bottom} ${x} ${bottom}`;
}
