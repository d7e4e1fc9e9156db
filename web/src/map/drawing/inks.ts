/** The colors of marks: of categories, as in the library's figures, or of values on a scale. */
import type { Arr } from "../../hosts/host";
import type { MapColors } from "../../schema";
import { colorOf, type Scale } from "../../views/colors";

/** As `view/charts/scatters.py`: in Lab any two are 23 apart or more, also without red, green or blue cones. */
const COLORS = [
  0x0077bb, 0xff6600, 0x66eeaa, 0x995566, 0xffbbff, 0x445500, 0x2200ff, 0x99dd66, 0x998855, 0x7722cc, 0x990077, 0xff55ff,
] as const;
export const MOST = COLORS.length;

/** A line of the legend: what has this color, and how many. */
export interface Line {
  name: string;
  css: string;
  marks: number[];
}

export interface Inks {
  /** A color for each mark, as a pixel. */
  words: Int32Array;
  /** That of marks without a color of their own. */
  plain: number;
  legend: Line[];
  scale: Scale | null;
}

/** Names and numbers of categories, -1 for none; `dark` is the page. The most frequent have a color of their own. */
export function ofCategories(codes: Arr["data"], names: readonly string[], dark: boolean, without: string): Inks {
  const groups = names.map((): number[] => []);
  const none: number[] = [];
  codes.forEach((code, mark) => {
    (groups[code] ?? none).push(mark);
  });
  const there = [...groups.keys()].filter((code) => groups[code]!.length);
  const few = there.length <= MOST;
  const colored = few
    ? there
    : there
        .filter((code) => groups[code]!.length > 1)
        .sort((a, b) => groups[b]!.length - groups[a]!.length || a - b)
        .slice(0, MOST)
        .sort((a, b) => a - b);
  const plain = pixelOf(greyOf(dark));
  const words = new Int32Array(codes.length).fill(plain);
  const legend = colored.map((code, number): Line => {
    const color = suited(COLORS[number]!, dark);
    for (const mark of groups[code]!) words[mark] = pixelOf(color);
    return { name: names[code]!, css: css(color), marks: groups[code]! };
  });
  const rest = there.filter((code) => !colored.includes(code));
  const others = rest.flatMap((code) => groups[code]!);
  if (rest.length)
    legend.push({
      name: colored.length ? `${rest.length} others` : `${rest.length} classes (too many to color)`,
      css: css(greyOf(dark)),
      marks: others,
    });
  if (none.length) legend.push({ name: without, css: css(greyOf(dark)), marks: none });
  return { words, plain, legend, scale: null };
}

/** Values on a scale; grey where there is none. */
export function ofValues(values: Arr["data"], header: Pick<MapColors, "low" | "high">, dark: boolean): Inks {
  const scale: Scale = { map: "sequential", low: header.low ?? 0, high: header.high ?? 1 };
  if (scale.high <= scale.low) scale.high = scale.low + 1;
  const grey = pixelOf(greyOf(dark));
  const words = Int32Array.from(values, (value) => colorOf(value, scale) || grey);
  return { words, plain: grey, legend: [], scale };
}

/** All alike. */
export function ofNothing(count: number, dark: boolean): Inks {
  const plain = pixelOf(suited(COLORS[0], dark));
  return { words: new Int32Array(count).fill(plain), plain, legend: [], scale: null };
}

function greyOf(dark: boolean): number {
  return dark ? 0x596068 : 0xb8b8b8;
}

/** On a dark page colors are nearer to white. */
function suited(color: number, dark: boolean): number {
  const lift = (part: number) => (dark ? Math.round(part + (255 - part) * 0.3) : part);
  return (lift(color >> 16) << 16) | (lift((color >> 8) & 255) << 8) | lift(color & 255);
}

function css(color: number): string {
  return `#${color.toString(16).padStart(6, "0")}`;
}

/** `0xrrggbb` as a word of an ImageData. */
export function pixelOf(color: number): number {
  return 0xff000000 | ((color & 255) << 16) | (color & 0xff00) | (color >> 16);
}
