/** Strokes of a pointer on a sheet. */
import { useRef } from "preact/hooks";

/** Draws where the pointer goes; `after` each piece. */
export function useStroke(sheet: { current: HTMLCanvasElement | null }, ink: string, size: number, after: () => void) {
  const last = useRef<{ x: number; y: number } | null>(null);
  const at = (event: PointerEvent) => {
    const canvas = event.currentTarget as HTMLCanvasElement; // it is narrower than it would be where there is no room
    return { x: (event.offsetX * canvas.width) / canvas.clientWidth, y: (event.offsetY * canvas.height) / canvas.clientHeight };
  };
  const draw = (event: PointerEvent) => {
    const pen = sheet.current?.getContext("2d");
    if (!pen || !last.current) return;
    const next = at(event);
    pen.strokeStyle = ink;
    pen.lineWidth = size;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(last.current.x, last.current.y);
    pen.lineTo(next.x, next.y);
    pen.stroke();
    last.current = next;
    after();
  };
  const lift = () => {
    last.current = null;
  };
  return {
    onPointerDown(event: PointerEvent) {
      sheet.current?.setPointerCapture(event.pointerId);
      last.current = at(event);
      draw(event);
    },
    onPointerMove: draw,
    onPointerUp: lift,
    onPointerCancel: lift,
  };
}
