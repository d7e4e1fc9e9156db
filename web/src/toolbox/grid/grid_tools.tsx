/** Above the grid: what it shows and in which order; below: its scale and what the pointer is on. */
import type { Signal } from "@preact/signals";
import { CropsRow, GalleryButton } from "../../panels/synthesized";
import { change } from "../../store/changes";
import * as state from "../../store/state";
import * as ui from "../../store/ui";
import { ColorBar } from "../../views/pixels";
import { Choice, Slider } from "../controls";
import { mapped, maps, scale, told } from "../units";

function grids(): (readonly [string, string, boolean?])[] {
  const pinned = state.origin.value !== null;
  return [
    ["activations", "Activations"],
    ["gradients", pinned ? `Gradient of ${state.traced.value}` : "Gradient (pin a unit)", !pinned],
    ["patches", "Best crops"],
    ["synthesized", "Synthesized"],
  ];
}
const SCALES = [
  ["unit", "unit"],
  ["layer", "layer"],
  ["network", "network"],
] as const;

export function GridTools() {
  const info = state.layerInfo.value;
  return (
    <header class="tools">
      <h2 id="grid-title">
        <code>{info?.name}</code> <small>{info && `${info.kind} · ${info.shape.join(" × ")}`}</small>
      </h2>
      <div class="tool-row">
        <Choice label="Show" value={state.gridOf as Signal<string>} options={grids()} />
        <Choice label="Sort by" value={state.order as Signal<string>} options={orders()} />
        <Choice label="Scale of" value={state.scaleOf as Signal<string>} options={SCALES} />
      </div>
      <div class="tool-row">
        <Slider label="Tiles" value={ui.zoom} low={0} high={160} step={8} text={(size) => (size < 24 ? "fit" : `${size} px`)} snap={24} />
        <Slider label="Boost" value={state.boost} low={1} high={16} step={0.5} text={(times) => `× ${times.toFixed(1)}`} />
        <Slider label="Gamma" value={state.gamma} low={0.5} high={4} step={0.25} text={(gamma) => gamma.toFixed(2)} />
      </div>
      {state.gridOf.value === "synthesized" && <GalleryRow />}
      {state.gridOf.value === "patches" && <CropsRow />}
    </header>
  );
}

function orders(): (readonly [string, string, boolean?])[] {
  const classes = state.layer.value === "logits";
  const measured = state.scan.value?.layers.includes(state.layer.value) ?? false;
  return [
    ["number", "number"],
    ["activation", "activation"],
    ["name", classes ? "name" : "name (classes only)", !classes],
    ["selectivity", measured ? "selectivity" : "selectivity (needs a scan)", !measured],
    ["change", state.other.value ? "change" : "change (between two pictures)", !state.other.value],
  ];
}

function GalleryRow() {
  const found = state.gallery.value;
  const count = found?.header.layer === state.layer.value ? (found.arrays.channels?.data.length ?? 0) : 0;
  return (
    <div class="tool-row">
      <span class="quiet">
        {count} of {state.layerInfo.value?.units ?? 0} units have a picture.
      </span>
      <GalleryButton />
    </div>
  );
}

export function GridStatus() {
  const tuning = { boost: state.boost.value, gamma: state.gamma.value };
  const whose = {
    unit: `unit ${state.channel.value} alone; every tile has its own scale`,
    layer: "all units of the layer",
    network: "all layers of the network",
  };
  return (
    <footer class="status">
      {maps.value && mapped.value && (
        <div class="legend">
          <ColorBar scale={scale.value} tuning={tuning} of="the grid" />
          <span class="quiet">Scale: {whose[state.scaleOf.value]}</span>
        </div>
      )}
      {state.order.value === "change" && change.value && <p class="quiet">Changed most first. {change.value.told}</p>}
      <Pointed />
    </footer>
  );
}

function Pointed() {
  const on = ui.hovered.value;
  return (
    <p class="pointed" aria-hidden="true">
      {told(on >= 0 ? on : state.channel.value)}
    </p>
  );
}
