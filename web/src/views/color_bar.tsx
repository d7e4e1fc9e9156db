/** The colors of a result's scale. */
import { useEffect, useRef } from "preact/hooks";
import { type Scale, table } from "./colors";
import { ends } from "./tile_layout";

/** A color bar with numbers. */
export function ScaleBar({ scale, width, read = "" }: { scale: Scale; width: number; read?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const colors = table(scale.map);
    const pen = canvas.current?.getContext("2d");
    if (!canvas.current || !pen) return;
    canvas.current.width = colors.length;
    canvas.current.height = 1;
    pen.putImageData(new ImageData(new Uint8ClampedArray(Uint32Array.from(colors).buffer), colors.length, 1), 0, 0);
  }, [scale.map]);
  const [low, middle, high] = ends(scale);
  return (
    <div class="result-bar" style={{ width: `${Math.max(width, 96)}px` }}>
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus */}
      <canvas ref={canvas} aria-hidden="true" />
      <p class="ticks">
        <span>{low}</span>
        <span>{middle}</span>
        <span>{high}</span>
      </p>
      {read && <p class="result-read">{read}</p>}
    </div>
  );
}
