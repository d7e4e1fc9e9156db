/** Dots as pixels, painted by this page itself: the same on every machine, and quick without a graphics card. */

/** Where the marks of a map lie on the pixels: x · scale + left, y · scale + top. */
export interface Fit {
  scale: number;
  left: number;
  top: number;
}

/** Pixels, one 32-bit word each, as those of an ImageData. */
export interface Sheet {
  pixels: Int32Array; // signed, which machines reckon with faster
  width: number;
  height: number;
  /** The part of it that is painted on. */
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Fills a part of a sheet. */
export function cleared(part: Sheet, paper: number): void {
  for (let row = part.top; row < part.bottom; row += 1)
    part.pixels.fill(paper, row * part.width + part.left, row * part.width + part.right);
}

/** The parts that are still to be painted once what was on a sheet has moved, along two of its edges. */
export function uncovered(sheet: Sheet, right: number, down: number): Sheet[] {
  const { width, height } = sheet;
  if (Math.abs(right) >= width || Math.abs(down) >= height) return [sheet];
  const rows = down > 0 ? { top: 0, bottom: down } : { top: height + down, bottom: height };
  const columns = right > 0 ? { left: 0, right } : { left: width + right, right: width };
  return [...(down ? [{ ...sheet, ...rows }] : []), ...(right ? [{ ...sheet, ...columns }] : [])];
}

/** How much of each pixel a disk covers, 1 to 256, for those it covers at all, and how far right and down they are. */
export interface Disk {
  side: number;
  cover: Int32Array;
  right: Int32Array;
  down: Int32Array;
}

const FINE = 8; // parts of a pixel's side that are looked at

export function disk(width: number): Disk {
  const side = Math.ceil(width);
  const covered = Array.from({ length: side * side }, (_, at) => coverOf(at % side, Math.floor(at / side), side, width / 2));
  const kept = [...covered.keys()].filter((at) => covered[at]);
  return {
    side,
    cover: Int32Array.from(kept, (at) => covered[at]!),
    right: Int32Array.from(kept, (at) => at % side),
    down: Int32Array.from(kept, (at) => Math.floor(at / side)),
  };
}

function coverOf(column: number, row: number, side: number, radius: number): number {
  let within = 0;
  for (let part = 0; part < FINE * FINE; part += 1) {
    const x = column + ((part % FINE) + 0.5) / FINE - side / 2;
    const y = row + (Math.floor(part / FINE) + 0.5) / FINE - side / 2;
    if (x * x + y * y <= radius * radius) within += 1;
  }
  return Math.round((256 * within) / (FINE * FINE));
}

/** Paints a dot for each of `marks`, in their order; `inks` are the colors of all marks, 0 for none. */
export function dots(sheet: Sheet, places: Float32Array, marks: Uint32Array, inks: Int32Array, fit: Fit, dot: Disk): void {
  const { pixels, width } = sheet;
  const { side, cover, right, down } = dot;
  const { scale } = fit;
  const [x, y] = [fit.left - side / 2 + 0.5, fit.top - side / 2 + 0.5];
  const steps = right.map((step, at) => down[at]! * width + step);
  for (let i = 0; i < marks.length; i += 1) {
    const mark = marks[i]!;
    const left = Math.floor(places[2 * mark]! * scale + x);
    const top = Math.floor(places[2 * mark + 1]! * scale + y);
    const ink = inks[mark]!;
    if (ink === 0 || left + side <= sheet.left || top + side <= sheet.top || left >= sheet.right || top >= sheet.bottom) continue;
    const whole = left >= sheet.left && top >= sheet.top && left + side <= sheet.right && top + side <= sheet.bottom;
    const corner = top * width + left;
    for (let at = 0; at < cover.length; at += 1) {
      if (!whole && !within(sheet, left + right[at]!, top + down[at]!)) continue;
      const to = corner + steps[at]!;
      pixels[to] = cover[at] === 256 ? ink : mixed(pixels[to]!, ink, cover[at]!);
    }
  }
}

function within(part: Sheet, x: number, y: number): boolean {
  return x >= part.left && y >= part.top && x < part.right && y < part.bottom;
}

/** A color over another, `share` of 256 of it. */
export function mixed(under: number, over: number, share: number): number {
  const rest = 256 - share;
  const outer = ((Math.imul(under & 0xff00ff, rest) + Math.imul(over & 0xff00ff, share)) >>> 8) & 0xff00ff;
  const middle = ((Math.imul(under & 0xff00, rest) + Math.imul(over & 0xff00, share)) >>> 8) & 0xff00;
  return 0xff000000 | outer | middle;
}
