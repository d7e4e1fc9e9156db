/** Pixels on the page: a picture of values, drawn crisp, and the bar that says what its colors mean. */
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Arr } from "../hosts/host";
import { imageOf, PLAIN, paint, type Scale, type Tuning, valueAt, written } from "./colors";

export interface Picture {
  pixels: Uint32Array<ArrayBuffer>;
  width: number;
  height: number;
}

/** One tile of a view's panel: values on a scale, colors each on that scale, or a photo where there is no scale. */
export function pictureOf(array: Arr, scale: Scale | null, tuning: Tuning = PLAIN, fade = false): Picture {
  const [, height = 1, width = 1, colors = 1] = array.shape.length === 2 ? [1, ...array.shape] : array.shape;
  const count = height * width;
  if (colors === 1 && scale) return { pixels: paint(array.data.subarray(0, count), scale, tuning, fade), width, height };
  const levels = scale ? new Uint8Array(paint(array.data.subarray(0, colors * count), { ...scale, map: "color" }, tuning).buffer) : null;
  const pixels = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) {
    const part = (channel: number) => (levels ? levels[4 * (colors * i + channel)]! : array.data[colors * i + channel]!);
    const alpha = colors === 4 && !levels ? part(3) : 255;
    pixels[i] = ((alpha << 24) | (part(2) << 16) | (part(1) << 8) | part(0)) >>> 0;
  }
  return { pixels, width, height };
}

interface PixelsProps {
  picture: Picture;
  label: string;
  class?: string;
  /** Marked once it is painted, for tests and measurements. */
  shown?: string;
  onPointerMove?(event: PointerEvent): void;
  onPointerLeave?(event: PointerEvent): void;
}

export function Pixels({ picture, label, shown, ...rest }: PixelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const image = imageOf(picture.pixels, picture.width, picture.height);
    canvas.current?.getContext("2d")?.putImageData(image, 0, 0);
    if (canvas.current && shown) canvas.current.dataset.shown = shown;
  }, [picture]);
  return <canvas ref={canvas} width={picture.width} height={picture.height} role="img" aria-label={label} {...rest} />;
}

/** The colors of a scale with numbers at its ends and middle; it follows boost and gamma. */
export function ColorBar({ scale, tuning = PLAIN, of }: { scale: Scale; tuning?: Tuning; of: string }) {
  const strip = useMemo(() => {
    const values = Float32Array.from({ length: 255 }, (_, i) => valueAt(i / 254, scale, tuning));
    return { pixels: paint(values, scale, tuning), width: 255, height: 1 };
  }, [scale.map, scale.low, scale.high, tuning.boost, tuning.gamma]);
  const [low, middle, high] = [0, 0.5, 1].map((place) => written(valueAt(place, scale, tuning)));
  const beyond = scale.clipped || tuning.boost > 1 ? "≥ " : "";
  return (
    <div class="colorbar">
      <Pixels picture={strip} label={`Colors of ${of}, from ${low} to ${high}`} />
      <div class="ticks" aria-hidden="true">
        <span>{low}</span>
        <span>{middle}</span>
        <span>
          {beyond}
          {high}
        </span>
      </div>
    </div>
  );
}
