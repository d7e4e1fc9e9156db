/** The numbers behind a unit: its map enlarged, what it sees of the picture, filter times input, and the sum they make. */
import { useEffect, useRef } from "preact/hooks";
import type { Arr } from "../../hosts/host";
import type { Box } from "../../schema";
import { useImage } from "../../store/image_url";
import { goInSpace } from "../../store/places/space_place";
import * as app from "../../store/state";
import { ScaleBar } from "../../views/color_bar";
import { imageOf, paint, type Scale, suited, table, written } from "../../views/colors";
import * as state from "../state";
import { label, openUnit } from "../walking";
import { kindOf, shapeOf } from "./words";

const KERNELS = 3; // of the strongest edges, drawn as numbers in squares

export function Card() {
  const hit = state.about.value;
  const plane = state.planeOf(hit);
  if (!hit || !plane)
    return (
      <section class="panel space-card" aria-labelledby="card-title">
        <h2 id="card-title">Unit</h2>
        <p class="quiet">
          Point at a tile: its map, the strongest edges into it, and the numbers that make it are shown here. A click keeps it.
        </p>
      </section>
    );
  const unit = hit.channel >= 0 && plane.layer !== "input";
  return (
    <section class="panel space-card" aria-labelledby="card-title">
      <h2 id="card-title">
        <code>{unit ? `${plane.layer}:${hit.channel}` : plane.layer}</code>
        <small>{unit ? label(plane.layer, hit.channel) : ""}</small>
      </h2>
      <p class="quiet">
        {plane.layer === "input" ? "The picture as the network sees it" : kindOf(plane)} · {shapeOf(plane)}
      </p>
      {unit && <Enlarged />}
      {unit && <Numbers />}
      {plane.layer !== "input" && (
        <button type="button" onClick={() => openUnit(hit)}>
          Open in the toolbox
        </button>
      )}
    </section>
  );
}

/** The unit's map as the tile has it, on the scale of its layer, and the part of the picture its strongest neuron sees. */
function Enlarged() {
  const hit = state.about.value!;
  const found = state.tiles.value.get(hit.plane);
  const header = ofUnit();
  if (!found) return null;
  const tile = state.tileOf(found, hit.channel);
  const scale = state.scaleOf(found);
  const colors = table(scale.map);
  return (
    <>
      <div class="space-pair">
        <figure>
          <Pixels pixels={Uint32Array.from(tile.data, (byte) => colors[byte]!)} shape={tile.shape} />
          <figcaption>its map</figcaption>
        </figure>
        {header && (
          <figure>
            <Patch box={header.box} />
            <figcaption>what its strongest neuron sees</figcaption>
          </figure>
        )}
      </div>
      <ScaleBar scale={scale} width={200} />
    </>
  );
}

/** The header of the unit's numbers, while they are its own. */
function ofUnit() {
  const [hit, found] = [state.about.value, state.neuron.value];
  const own = found && hit && found.header.unit.split("@")[0] === `${state.planeOf(hit)?.layer}:${hit.channel}`;
  return own ? found.header : null;
}

function Numbers() {
  const header = ofUnit();
  if (state.neuronTrouble.value) return <p class="wrong">{state.neuronTrouble.value}</p>;
  if (!header) return <p class="quiet">Adding up …</p>;
  const arrays = state.neuron.value!.arrays;
  const [count = 0, height = 1, width = 1] = arrays.weights?.shape ?? [];
  const drawn = height * width > 1 ? Math.min(KERNELS, count) : 0;
  const most = Math.max(...header.edges.map((edge) => Math.abs(edge.value)), 1e-12);
  return (
    <>
      {drawn > 0 && (
        <table class="space-kernels">
          <caption>Input × filter = weighted input, of the strongest channels</caption>
          <tbody>
            {header.edges.slice(0, drawn).map((edge, i) => (
              <tr key={`${edge.layer}:${edge.channel}`}>
                {(["inputs", "weights", "products"] as const).map((name, column) => (
                  <td key={name}>
                    <span aria-hidden="true">{["", "×", "="][column]}</span>
                    <Kernel all={arrays[name]!} index={i} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <table class="space-sum">
        <caption>{header.unit}</caption>
        <tbody>
          {header.edges.map((edge) => (
            <tr key={`${edge.layer}:${edge.channel}`}>
              <td class="number">{signed(edge.value)}</td>
              <td>
                <span
                  class={`space-bar ${edge.value < 0 ? "less" : ""}`}
                  style={{ width: `${(34 * Math.abs(edge.value)) / most}px` }}
                  aria-hidden="true"
                />
              </td>
              <th scope="row">
                <button type="button" class="small" onClick={() => goInSpace({ at: edge.layer, channel: edge.channel })}>
                  {edge.layer}:{edge.channel}
                </button>
              </th>
            </tr>
          ))}
          {header.others > 0 && <Line value={header.rest} text={`${header.others} more channels`} />}
          <Line value={header.bias} text="bias" />
          {header.remainder !== 0 && <Line value={header.remainder} text="remainder" />}
          <Line value={header.total} text="total" strong />
          {header.function && <Line value={header.activation} text={`= ${header.function}(total)`} strong />}
        </tbody>
      </table>
    </>
  );
}

function Line({ value, text, strong = false }: { value: number; text: string; strong?: boolean }) {
  return (
    <tr class={strong ? "strong" : ""}>
      <td class="number">{signed(value)}</td>
      <td />
      <th scope="row">{text}</th>
    </tr>
  );
}

function signed(value: number): string {
  return value < 0 ? written(value) : `+${written(value)}`;
}

function Kernel({ all, index }: { all: Arr; index: number }) {
  const [, height = 1, width = 1] = all.shape;
  const values = all.data.subarray(index * height * width, (index + 1) * height * width);
  return <Pixels pixels={paint(values, scaleOf(values))} shape={[height, width]} />;
}

function scaleOf(values: Arr["data"]): Scale {
  const known = Array.from(values).filter((value) => !Number.isNaN(value));
  return suited(-Math.max(...known.map(Math.abs), 1e-12), 1e-12);
}

function Pixels({ pixels, shape }: { pixels: Uint32Array<ArrayBuffer>; shape: readonly number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height = 1, width = 1] = shape;
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!canvas.current || !pen) return;
    canvas.current.width = width;
    canvas.current.height = height;
    pen.putImageData(imageOf(pixels, width, height), 0, 0);
  });
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus
  return <canvas ref={canvas} class="crisp" aria-hidden="true" />;
}

/** A part of the picture the network sees. */
function Patch({ box }: { box: Box }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const url = useImage(app.image.value, app.network.value?.name ?? "");
  useEffect(() => {
    if (!url) return;
    const picture = new Image();
    picture.onload = () => {
      const pen = canvas.current?.getContext("2d");
      const [width, height] = [Math.max(1, box.right - box.left), Math.max(1, box.bottom - box.top)];
      if (!canvas.current || !pen) return;
      canvas.current.width = width;
      canvas.current.height = height;
      pen.drawImage(picture, box.left, box.top, width, height, 0, 0, width, height);
    };
    picture.src = url;
  }, [url, box.left, box.top, box.right, box.bottom]);
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus
  return <canvas ref={canvas} class="crisp" aria-hidden="true" />;
}
