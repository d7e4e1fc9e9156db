/** How often a unit takes which values in the scan, as bars with numbers on both axes. */
import { useSignal } from "@preact/signals";
import { written } from "../../views/colors";
import { bars, decades, heightOf, ticks } from "./bars";

const BARS = 48;
const [WIDTH, HEIGHT] = [392, 132];
const AT = { left: 44, right: 8, top: 8, bottom: 20 };

export function Histogram({ edges, counts, unit }: { edges: ArrayLike<number>; counts: ArrayLike<number>; unit: string }) {
  const logarithmic = useSignal(true);
  const found = bars(edges, counts, BARS);
  if (!found.total) return <p class="quiet">The scan has no values of this unit.</p>;
  const most = Math.max(...found.counts, found.zeros);
  const [wide, high] = [WIDTH - AT.left - AT.right, HEIGHT - AT.top - AT.bottom];
  const x = (value: number) => AT.left + ((value - found.low) / (found.high - found.low)) * wide;
  const y = (count: number) => AT.top + high * (1 - heightOf(count, most, logarithmic.value));
  const levels = logarithmic.value ? [0, ...decades(most)] : ticks(0, most, 3);
  const share = (100 * found.zeros) / found.total;
  const told = `Histogram of ${unit}: ${written(found.total)} values from ${written(found.low)} to ${written(found.high)}, ${share.toFixed(0)} % of them zero`;
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={told}>
        {levels.map((level) => (
          <g key={level}>
            <line class="rule" x1={AT.left} x2={WIDTH - AT.right} y1={y(level)} y2={y(level)} />
            <text x={AT.left - 4} y={y(level) + 3} text-anchor="end">
              {short(level)}
            </text>
          </g>
        ))}
        {found.counts.map((count, i) => (
          <rect
            key={i}
            class="count"
            x={AT.left + (i * wide) / BARS}
            width={wide / BARS - 0.75}
            y={y(count)}
            height={AT.top + high - y(count)}
          />
        ))}
        {found.zeros > 0 && <rect class="zeros" x={x(0) - 1.5} width={3} y={y(found.zeros)} height={AT.top + high - y(found.zeros)} />}
        {ticks(found.low, found.high, 5).map((value) => (
          <text key={value} x={x(value)} y={HEIGHT - 6} text-anchor="middle">
            {written(value)}
          </text>
        ))}
      </svg>
      <figcaption class="row">
        <span class="quiet">
          {written(found.total)} values
          {found.zeros > 0 && (
            <>
              , <span class="zeros-key">{share.toFixed(share < 10 ? 1 : 0)} % exactly zero</span>
            </>
          )}
        </span>
        <label class="check">
          <input type="checkbox" checked={logarithmic.value} onChange={(event) => (logarithmic.value = event.currentTarget.checked)} />
          logarithmic
        </label>
      </figcaption>
    </figure>
  );
}

function short(count: number): string {
  if (count >= 1e6) return `${count / 1e6}M`;
  return count >= 1e3 ? `${count / 1e3}k` : String(count);
}
