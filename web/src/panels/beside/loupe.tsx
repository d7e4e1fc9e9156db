/** A loupe over two pictures at the same place: pixels eight times as large, and their numbers. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { report } from "../../store/requests";
import * as state from "../../store/state";
import { around, RADIUS, rgb, type Spot, steps } from "./pixel";

const SIDE = 2 * RADIUS + 1;
const FAR = 8; // pixels that an arrow goes with shift
const ARROWS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The pixel looked at, in both pictures; null for the middle. */
const spot = signal<Spot | null>(null);

type Bitmaps = readonly [ImageData | null, ImageData | null];

/** The pixels of a picture as they are in its file, whatever its colors mean; null until they are there. */
export function useBitmap(url: string): ImageData | null {
  const [found, put] = useState<ImageData | null>(null);
  useEffect(() => {
    let wanted = true;
    put(null);
    if (url) bitmap(url).then((data) => wanted && put(data), report);
    return () => {
      wanted = false;
    };
  }, [url]);
  return found;
}

async function bitmap(url: string): Promise<ImageData> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const raw = await createImageBitmap(image, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const pen = new OffscreenCanvas(raw.width, raw.height).getContext("2d") as OffscreenCanvasRenderingContext2D;
  pen.drawImage(raw, 0, 0);
  return pen.getImageData(0, 0, raw.width, raw.height);
}

function spotIn({ width, height }: ImageData): Spot {
  const { x, y } = spot.value ?? { x: width >> 1, y: height >> 1 };
  return { x: Math.max(0, Math.min(x, width - 1)), y: Math.max(0, Math.min(y, height - 1)) };
}

export function pointed(event: PointerEvent, size: ImageData): void {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  const part = (offset: number, length: number, count: number) => Math.floor((offset / length) * count);
  spot.value = { x: part(event.clientX - box.left, box.width, size.width), y: part(event.clientY - box.top, box.height, size.height) };
}

/** By keys: arrows walk, with shift eight pixels at once, and the numbers are read out. */
export function pressed(event: KeyboardEvent, [one, two]: Bitmaps): void {
  const [right, down] = ARROWS[event.key] ?? [0, 0];
  if (!one || (!right && !down) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const { x, y } = spotIn(one);
  const far = event.shiftKey ? FAR : 1;
  spot.value = { x: x + right * far, y: y + down * far };
  spot.value = spotIn(one);
  if (two) state.said.value = `${spot.value.x}, ${spot.value.y}: ${rgb(one, spot.value).join(" ")} and ${rgb(two, spot.value).join(" ")}.`;
}

/** What of a picture is in the loupe. */
export function Mark({ size }: { size: ImageData }) {
  const { x, y } = spotIn(size);
  return (
    <svg viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
      <rect class="field-under" x={x - RADIUS} y={y - RADIUS} width={SIDE} height={SIDE} />
      <rect class="field-box" x={x - RADIUS} y={y - RADIUS} width={SIDE} height={SIDE} />
    </svg>
  );
}

export function Loupe({ bitmaps: [one, two], names }: { bitmaps: Bitmaps; names: readonly [string, string] }) {
  if (!one || !two) return <p class="quiet">Fetching the pixels …</p>;
  const at = spotIn(one);
  const change = steps(rgb(one, at), rgb(two, at));
  return (
    <div class="loupe">
      <Enlarged data={one} at={at} name={names[0]} />
      <Enlarged data={two} at={at} name={names[1]} />
      <table class="compare-classes">
        <caption>
          Pixel {at.x}, {at.y}: point at a picture, or walk by arrows
        </caption>
        <thead>
          <tr>
            <td />
            <th scope="col">red</th>
            <th scope="col">green</th>
            <th scope="col">blue</th>
          </tr>
        </thead>
        <tbody>
          <Numbers name="this" values={rgb(one, at).map(String)} />
          <Numbers name="other" values={rgb(two, at).map(String)} />
          <Numbers name="steps of 255" values={change} />
        </tbody>
      </table>
    </div>
  );
}

function Numbers({ name, values }: { name: string; values: readonly string[] }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {values.map((value, i) => (
        <td key={i}>{value}</td>
      ))}
    </tr>
  );
}

function Enlarged({ data, at, name }: { data: ImageData; at: Spot; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(new ImageData(around(data, at), SIDE, SIDE), 0, 0);
  }, [data, at.x, at.y]);
  return (
    <div class="loupe-glass">
      <canvas ref={canvas} class="crisp" width={SIDE} height={SIDE} role="img" aria-label={`Pixels of ${name} around ${at.x}, ${at.y}`} />
    </div>
  );
}
