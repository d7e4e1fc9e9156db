/** A unit's histogram on an even axis. The scan's bins grow with their values; bars of a width have to be made of them. */

export interface Bars {
  low: number;
  high: number;
  /** How many values lie in each bar, those that are exactly zero left out. */
  counts: number[];
  zeros: number;
  total: number;
}

/** Bars of the same width from bins with ends `edges` (n + 1) and `counts` (n); a bin is spread over the bars it covers. */
export function bars(edges: ArrayLike<number>, counts: ArrayLike<number>, wanted: number): Bars {
  const bins = finite(edges, counts);
  const filled = bins.filter((bin) => bin.count > 0);
  const total = filled.reduce((sum, bin) => sum + bin.count, 0);
  const zeros = filled.filter((bin) => bin.low === 0 && bin.high === 0).reduce((sum, bin) => sum + bin.count, 0);
  const low = Math.min(0, ...filled.map((bin) => bin.low));
  const end = Math.max(0, ...filled.map((bin) => bin.high));
  const high = end > low ? end : low + 1;
  const found = new Array<number>(wanted).fill(0);
  for (const bin of filled) if (bin.low !== 0 || bin.high !== 0) spread(found, bin, low, high);
  return { low, high, counts: found, zeros, total };
}

interface Bin {
  low: number;
  high: number;
  count: number;
}

/** The bins, those that have no end cut off at the end they have. */
function finite(edges: ArrayLike<number>, counts: ArrayLike<number>): Bin[] {
  return Array.from(counts, (count, i) => {
    const low = edges[i] ?? 0;
    const high = edges[i + 1] ?? 0;
    return { low: Number.isFinite(low) ? low : high, high: Number.isFinite(high) ? high : low, count };
  });
}

function spread(into: number[], bin: Bin, low: number, high: number): void {
  const width = (high - low) / into.length;
  const at = (value: number) => Math.min(into.length - 1, Math.max(0, Math.floor((value - low) / width)));
  const [first, last] = [at(bin.low), at(bin.high)];
  for (let bar = first; bar <= last; bar++) {
    const left = Math.max(bin.low, low + bar * width);
    const right = Math.min(bin.high, low + (bar + 1) * width);
    const share = first === last ? 1 : Math.max(0, right - left) / (bin.high - bin.low);
    into[bar] = (into[bar] ?? 0) + bin.count * share;
  }
}

/** Round numbers from low to high, about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999) ?? power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten up to the highest count, thinned to a few. */
export function decades(most: number): number[] {
  const top = Math.max(0, Math.floor(Math.log10(Math.max(1, most))));
  const step = Math.max(1, Math.ceil(top / 4));
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => 10 ** (i * step));
}

/** How high a count stands, from 0 to 1; on a logarithmic axis a single value still shows. */
export function heightOf(count: number, most: number, logarithmic: boolean): number {
  if (count <= 0 || most <= 0) return 0;
  return logarithmic ? Math.log1p(count) / Math.log1p(most) : count / most;
}
