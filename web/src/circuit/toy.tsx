/** A toy: how kernel size, padding, stride and dilation make the output's size, and what each output reads. */
import { type Signal, useSignal } from "@preact/signals";
import { Slider } from "../toolbox/controls";
import { outputs, reach, reads, type Side } from "./geometry";

const CELL = 18;

export function Toy() {
  const size = useSignal(7);
  const kernel = useSignal(3);
  const padding = useSignal(1);
  const stride = useSignal(2);
  const dilation = useSignal(1);
  const at = useSignal(0);
  const side: Side = { size: size.value, kernel: kernel.value, padding: padding.value, stride: stride.value, dilation: dilation.value };
  const count = outputs(side);
  const place = Math.min(at.value, Math.max(0, count * count - 1));
  const sliders: [string, Signal<number>, number, number][] = [
    ["Input", size, 3, 12],
    ["Kernel", kernel, 1, 5],
    ["Padding", padding, 0, 3],
    ["Stride", stride, 1, 4],
    ["Dilation", dilation, 1, 3],
  ];
  return (
    <section class="panel toy" aria-labelledby="toy-title">
      <h2 id="toy-title">What an output reads</h2>
      <div class="toy-sliders">
        {sliders.map(([label, value, low, high]) => (
          <Slider key={label} label={label} value={value} low={low} high={high} step={1} text={String} />
        ))}
      </div>
      <p role="status">{said(side, count)}</p>
      {count > 0 && <Grids side={side} count={count} place={place} choose={(next) => (at.value = next)} />}
    </section>
  );
}

function said(side: Side, count: number): string {
  const { size, padding, stride } = side;
  if (!count) return `The kernel reaches over ${reach(side)} and the padded input has ${size + 2 * padding}: there is no output.`;
  return `⌊(${size} + 2·${padding} − ${reach(side)}) / ${stride}⌋ + 1 = ${count}: the output has ${count} × ${count} places.`;
}

function Grids({ side, count, place, choose }: { side: Side; count: number; place: number; choose(place: number): void }) {
  const rows = reads(side, Math.floor(place / count));
  const columns = reads(side, place % count);
  const { size, padding } = side;
  const all = size + 2 * padding;
  const inside = (i: number) => i >= 0 && i < size;
  const cells = Array.from({ length: all * all }, (_, i) => ({ y: Math.floor(i / all) - padding, x: (i % all) - padding }));
  const press = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: count, ArrowUp: -count }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = place + step;
    if (next >= 0 && next < count * count) choose(next);
  };
  const where = `Output at row ${Math.floor(place / count)}, column ${place % count} reads rows ${rows.join(", ")} and columns ${columns.join(", ")}`;
  return (
    <div class="toy-grids">
      <figure>
        <figcaption>input, with padding around it</figcaption>
        <svg width={all * CELL} height={all * CELL} viewBox={`${-padding} ${-padding} ${all} ${all}`} role="img" aria-label={where}>
          {cells.map(({ y, x }) => (
            <rect key={`${y} ${x}`} class={kind(inside(y) && inside(x), rows.includes(y) && columns.includes(x))} {...at(x, y)} />
          ))}
        </svg>
      </figure>
      <figure>
        <figcaption>output: point at a place, or use the arrow keys</figcaption>
        <svg
          width={count * CELL}
          height={count * CELL}
          viewBox={`0 0 ${count} ${count}`}
          role="slider"
          tabindex={0}
          aria-label="Output"
          aria-valuemin={0}
          aria-valuemax={count * count - 1}
          aria-valuenow={place}
          aria-valuetext={where}
          onKeyDown={press}
        >
          {Array.from({ length: count * count }, (_, i) => (
            <rect
              key={i}
              class={`toy-cell ${i === place ? "read" : ""}`}
              {...at(i % count, Math.floor(i / count))}
              onPointerOver={() => choose(i)}
            />
          ))}
        </svg>
      </figure>
    </div>
  );
}

function kind(inside: boolean, read: boolean): string {
  return `toy-cell ${inside ? "" : "outside"} ${read ? "read" : ""}`;
}

function at(x: number, y: number) {
  return { x: x + 0.04, y: y + 0.04, width: 0.92, height: 0.92 };
}
