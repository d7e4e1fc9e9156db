/** The same network on a flat page: planes as pictures, wires as lines; for whoever wants no motion, or has no WebGL. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { PlaneInfo } from "../../schema";
import { useImage } from "../../store/image_url";
import { goInSpace } from "../../store/places/space_place";
import * as app from "../../store/state";
import { imageOf, table } from "../../views/colors";
import { cellAt } from "../drawing/picking";
import * as state from "../state";
import { openUnit, stepCell, told } from "../walking";
import { linesOf } from "./words";

const MARGIN = 60;

export function Flat() {
  const zoom = useSignal(52);
  const frame = useRef<HTMLElement>(null);
  const space = state.space.value;
  useEffect(() => {
    state.inSight.value = space?.planes.map((_, number) => number) ?? [];
  }, [space]);
  const place = state.at.value?.plane;
  useEffect(() => {
    if (place !== undefined)
      frame.current?.querySelector(`[data-plane="${place}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [place, zoom.value]);
  if (!space) return null;
  const ends = boundsOf(
    space.planes,
    space.wires.flatMap((wire) => wire.points),
  );
  const scale = zoom.value;
  const x = (along: number) => (along - ends.left) * scale + MARGIN;
  const y = (across: number, up = 0) => (across - up - ends.top) * scale + MARGIN;
  const press = (event: KeyboardEvent) => {
    if (event.key === "+" || event.key === "=") zoom.value = Math.min(320, zoom.value * 1.25);
    else if (event.key === "-") zoom.value = Math.max(12, zoom.value / 1.25);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="space-stage flat" ref={frame} aria-label="Network on a flat page" onKeyDown={press}>
      <div class="space-flat" style={{ width: `${x(ends.right) + MARGIN}px`, height: `${y(ends.bottom) + MARGIN}px` }}>
        <svg width="100%" height="100%" aria-hidden="true">
          {space.wires.map((wire) => {
            if (!state.isShown(wire.source) || !state.isShown(wire.target)) return null;
            const points = wire.points.map(([along, across, up]) => `${x(along)} ${y(across, up)}`);
            return (
              <path
                key={`${wire.source}>${wire.target}`}
                class={wire.skips ? "skip" : ""}
                d={wire.skips ? `M${points[0]}C${points.slice(1)}` : `M${points.join("L")}`}
              />
            );
          })}
        </svg>
        {space.planes.map(
          (plane, number) =>
            state.isShown(number) && (
              <PlaneOf
                key={plane.layer}
                plane={plane}
                number={number}
                left={x(plane.along - plane.width / 2)}
                top={y(plane.across - plane.height / 2)}
                scale={scale}
              />
            ),
        )}
      </div>
      <div class="space-zoom">
        <button type="button" class="small" aria-label="Nearer" onClick={() => (zoom.value = Math.min(320, zoom.value * 1.25))}>
          +
        </button>
        <button type="button" class="small" aria-label="Further away" onClick={() => (zoom.value = Math.max(12, zoom.value / 1.25))}>
          −
        </button>
      </div>
    </section>
  );
}

interface PlaneProps {
  plane: PlaneInfo;
  number: number;
  left: number;
  top: number;
  scale: number;
}

function PlaneOf({ plane, number, left, top, scale }: PlaneProps) {
  const at = state.at.value;
  const here = at?.plane === number;
  const [wide, high] = [plane.width * scale, plane.height * scale];
  const [name, shape] = linesOf(plane);
  const cell = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const across = plane.across + plane.width * ((event.clientX - box.left) / box.width - 0.5);
    return cellAt(plane, across, plane.height * (0.5 - (event.clientY - box.top) / box.height));
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) stepCell(step[0]!, step[1]!);
    else if (event.key === "Enter") openUnit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="space-plane" data-plane={number} style={{ left: `${left}px`, top: `${top}px`, width: `${wide}px` }}>
      <button
        type="button"
        aria-pressed={here}
        aria-label={told(here ? at : { plane: number, channel: -1 })}
        style={{ height: `${high}px` }}
        onFocus={() => !here && goInSpace({ at: plane.layer, channel: -1 })}
        onClick={(event) => event.detail && goInSpace({ at: plane.layer, channel: cell(event) })}
        onPointerMove={(event) => (state.hovered.value = cell(event) < 0 ? null : { plane: number, channel: cell(event) })}
        onPointerLeave={() => (state.hovered.value = null)}
        onKeyDown={press}
      >
        {plane.layer === "input" ? <Picture /> : <Tiled number={number} />}
        {here && at.channel >= 0 && <Mark plane={plane} channel={at.channel} />}
      </button>
      <p aria-hidden="true" style={{ fontSize: `${Math.max(8, Math.min(12, scale / 5.2))}px` }}>
        <b>{name}</b> <span>{shape}</span>
      </p>
    </div>
  );
}

function Mark({ plane, channel }: { plane: PlaneInfo; channel: number }) {
  const [column, row] = [channel % plane.columns, Math.floor(channel / plane.columns)];
  const share = (part: number, whole: number) => `${(100 * part) / whole}%`;
  return (
    <span
      class="space-mark"
      style={{
        left: share(column, plane.columns),
        top: share(row, plane.rows),
        width: share(1, plane.columns),
        height: share(1, plane.rows),
      }}
    />
  );
}

function Picture() {
  const url = useImage(app.image.value, app.network.value?.name ?? "");
  return url ? <img src={url} alt="" draggable={false} /> : null;
}

/** All tiles of a plane. */
function Tiled({ number }: { number: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const found = state.tiles.value.get(number);
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!canvas.current || !pen || !found) return;
    const { width, height, columns, rows } = found.told;
    canvas.current.width = width * columns;
    canvas.current.height = height * rows;
    const colors = table(state.scaleOf(found).map);
    const pixels = new Uint32Array(found.pixels.length);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = colors[found.pixels[i]!]!;
    pen.putImageData(imageOf(pixels, width * columns, height * rows), 0, 0);
  }, [found]);
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus
  return <canvas ref={canvas} class={found && found.told.width * found.told.columns < 300 ? "crisp" : ""} aria-hidden="true" />;
}

function boundsOf(planes: readonly PlaneInfo[], points: readonly (readonly [number, number, number])[]) {
  const reach = (plane: PlaneInfo) => [plane.across - plane.height / 2, plane.across + plane.height / 2];
  const ups = [...planes.flatMap(reach), ...points.map(([, across, up]) => across - up)];
  return {
    left: Math.min(...planes.map((plane) => plane.along - plane.width / 2)),
    right: Math.max(...planes.map((plane) => plane.along + plane.width / 2)),
    top: Math.min(...ups),
    bottom: Math.max(...ups),
  };
}
