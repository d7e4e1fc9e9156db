/** Dots as pixels, painted by this page itself: the same on every machine, and quick without a graphics card. */

/** Where the marks of a map lie on the pixels: x · scale + left, y · scale + top. */
export interface Fit {
  scale: number;
  left: number;
  top: number;
}

/** Pixels, one 32-bit word each, as those of an ImageData. */
export interface Sheet {
  pixels: Uint32Array;
  width: number;
  height: number;
}

/** How much of each pixel a disk covers, 0 to 256, in a square of `side` pixels. */
export interface Disk {
  side: number;
  cover: Uint16Array;
}

const FINE = 8; // parts of a pixel's side that are looked at

export function disk(width: number): Disk {
  const side = Math.ceil(width);
  const cover = new Uint16Array(side * side);
  const radius = width / 2;
  for (let at = 0; at < side * side; at += 1) {
    let within = 0;
    for (let part = 0; part < FINE * FINE; part += 1) {
      const x = (at % side) + ((part % FINE) + 0.5) / FINE - side / 2;
      const y = Math.floor(at / side) + (Math.floor(part / FINE) + 0.5) / FINE - side / 2;
      if (x * x + y * y <= radius * radius) within += 1;
    }
    cover[at] = Math.round((256 * within) / (FINE * FINE));
  }
  return { side, cover };
}

/** Paints a dot for each of `marks`, in their order; `inks` are the colors of all marks, 0 for none. */
export function dots(sheet: Sheet, places: Float32Array, marks: Uint32Array, inks: Uint32Array, fit: Fit, dot: Disk): void {
  const { pixels, width, height } = sheet;
  const { side, cover } = dot;
  const half = side / 2;
  for (let i = 0; i < marks.length; i += 1) {
    const mark = marks[i]!;
    const left = Math.round(places[2 * mark]! * fit.scale + fit.left - half);
    const top = Math.round(places[2 * mark + 1]! * fit.scale + fit.top - half);
    const ink = inks[mark]!;
    if (!ink || left + side <= 0 || top + side <= 0 || left >= width || top >= height) continue;
    const whole = left >= 0 && top >= 0 && left + side <= width && top + side <= height;
    for (let row = 0, at = 0; row < side; row += 1) {
      let to = (top + row) * width + left;
      for (let column = 0; column < side; column += 1, at += 1, to += 1) {
        const share = cover[at]!;
        if (!share || !(whole || (left + column >= 0 && left + column < width && top + row >= 0 && top + row < height))) continue;
        pixels[to] = share === 256 ? ink : mixed(pixels[to]!, ink, share);
      }
    }
  }
}

/** A color over another, `share` of 256 of it. */
export function mixed(under: number, over: number, share: number): number {
  const rest = 256 - share;
  const outer = (((under & 0xff00ff) * rest + (over & 0xff00ff) * share) >>> 8) & 0xff00ff;
  const middle = (((under & 0xff00) * rest + (over & 0xff00) * share) >>> 8) & 0xff00;
  return (0xff000000 | outer | middle) >>> 0;
}
