/** One mark's picture, as large as wanted: its thumbnail until the image itself is there. */
import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { arrived } from "./drawing/pictures";
import { idsOf } from "./ids";
import * as state from "./state";

export function PictureOf({ mark, side }: { mark: number; side: number }) {
  return <Shown key={mark} mark={mark} side={side} />;
}

function Shown({ mark, side }: { mark: number; side: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const draw = () => {
    const kept = state.pictures.peek();
    const cut = kept?.single(mark);
    const pen = canvas.current?.getContext("2d");
    if (!cut || !pen) return;
    const most = Math.max(cut.width, cut.height);
    pen.canvas.width = Math.max(1, Math.round((2 * side * cut.width) / most));
    pen.canvas.height = Math.max(1, Math.round((2 * side * cut.height) / most));
    pen.imageSmoothingQuality = "high";
    pen.drawImage(cut.image, cut.x, cut.y, cut.width, cut.height, 0, 0, pen.canvas.width, pen.canvas.height);
  };
  useSignalEffect(() => {
    arrived.value;
    draw();
  });
  if (!state.pictures.value?.there) return null;
  return (
    <canvas
      ref={canvas}
      class="map-picture"
      width="1"
      height="1"
      role="img"
      aria-label={idsOf([mark])[0]}
      style={{ maxWidth: `${side}px`, maxHeight: `${side}px` }}
    />
  );
}
