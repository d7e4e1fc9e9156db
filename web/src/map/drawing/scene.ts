/** What is on screen of a map, painted: dots, over them pictures, each at its exact place. */
import { type Camera, type Size, scaleOf } from "./camera";
import { type Layout, levelOf, NEVER } from "./nesting";
import type { Cut, Pictures } from "./pictures";
import { cleared, disk, dots, type Fit, mixed, type Sheet, uncovered } from "./raster";

export const MOST_PICTURES = 2000;
const LEAST = 16; // pixels, the smallest picture
const SMALLEST = 10; // pixels for which there must be room before there are pictures at all
const CROWDED = 0.7; // of a picture's side is the side of the smallest cell
const STEADY = 32; // pixels up to which a picture takes all the room there is
const OWN = 96; // from so many pixels on it is the source image
const WIDEST = 280;
const FEW = 300; // selected marks that all show their picture

export interface Scene {
  size: Size;
  density: number;
  camera: Camera;
  /** Where the marks are now, while they may be on their way to where `layout` has them. */
  places: Float32Array;
  layout: Layout;
  /** The side of a cell, where the marks lie in cells of their own. */
  cell: number;
  inks: Int32Array;
  selection: Uint8Array;
  any: boolean;
  enlarged: number;
  /** The mark one is at, -1 for none: its picture is always shown, above all others. */
  at: number;
  /** The color of what has none of its own: its picture has no frame. */
  plain: number;
  pictures: Pictures | null;
  /** Grows as pictures come. */
  arrivals: number;
  paper: number;
  accent: string;
}

/** A picture as it was painted, in pixels of the page. */
export interface Painted {
  mark: number;
  x: number;
  y: number;
  side: number;
}

/** Pixels from a mark to the next, were they evenly spread. */
function spacing(scene: Scene): number {
  return scaleOf(scene.camera, scene.size) * (scene.cell || 1 / Math.sqrt(scene.inks.length || 1));
}

export function sideOf(scene: Scene): number {
  const room = spacing(scene) * (scene.cell ? 0.94 : 0.85) * scene.enlarged;
  if (!scene.pictures?.there || room < SMALLEST) return 0;
  const least = Math.max(LEAST, Math.sqrt((scene.size.width * scene.size.height) / MOST_PICTURES));
  return Math.min(scene.cell ? room : Math.max(slowly(room), least), WIDEST);
}

/** Pictures grow less than the room between them: zooming in both enlarges them and shows more. */
function slowly(room: number): number {
  return room < STEADY ? room : STEADY * (room / STEADY) ** 0.6;
}

export function widthOf(scene: Scene): number {
  return Math.min(Math.max(0.3 * spacing(scene), 2), 9);
}

/** The marks in sight that show their picture: those of coarse cells first, a few selected ones and the one one is at last. */
export function withPictures(scene: Scene, side: number): number[] {
  const { camera, size, layout, places, selection } = scene;
  const scale = scaleOf(camera, size);
  const [wide, high] = [(size.width / 2 + side) / scale, (size.height / 2 + side) / scale];
  const level = scene.cell ? NEVER : levelOf(scale, side * CROWDED);
  const few = scene.any && selection.reduce((sum, one) => sum + one, 0) <= FEW;
  const above = (mark: number) => mark === scene.at || (few && selection[mark] === 1);
  const seen: number[] = [];
  const last: number[] = [];
  for (const mark of layout.curve) {
    if (layout.levels[mark]! > level && !above(mark)) continue;
    if (Math.abs(places[2 * mark]! - camera.x) >= wide || Math.abs(places[2 * mark + 1]! - camera.y) >= high) continue;
    (above(mark) ? last : seen).push(mark);
  }
  const rank = (mark: number) => layout.levels[mark]!;
  const first = seen.sort((one, two) => rank(one) - rank(two)).slice(0, MOST_PICTURES - last.length);
  return [...first, ...last.sort((one, two) => Number(one === scene.at) - Number(two === scene.at))];
}

/** What two scenes have in common that differ only in where the camera is. */
const UNMOVED = ["places", "layout", "cell", "inks", "selection", "paper", "density", "enlarged", "at", "pictures", "arrivals"] as const;

export class Painter {
  #image: ImageData | null = null;
  #before: Scene | null = null; // that is on the canvas
  #pale: { of: Int32Array | null; selection: Uint8Array; paper: number; words: Int32Array } = {
    of: null,
    selection: new Uint8Array(),
    paper: 0,
    words: new Int32Array(),
  };

  /** Paints a scene, and tells where pictures are, the uppermost last. */
  paint(pen: CanvasRenderingContext2D, scene: Scene): Painted[] {
    const sheet = this.#sheet(pen, scene);
    const shown = shownOf(scene);
    for (const part of this.#unpainted(pen, sheet, scene, shown.length)) {
      this.#dots(part, scene);
      const [width, height] = [part.right - part.left, part.bottom - part.top];
      pen.putImageData(this.#image!, 0, 0, part.left, part.top, width, height);
      pen.save();
      pen.beginPath();
      pen.rect(part.left, part.top, width, height);
      pen.clip();
      paintPictures(pen, scene, shown, part);
      pen.restore();
    }
    this.#before = shown.length < MOST_PICTURES ? scene : null; // else other pictures come as some go
    scene.pictures?.go();
    return shown;
  }

  /** The parts of the canvas to paint: all; or, where the scene has only moved, what came in over the edges. */
  #unpainted(pen: CanvasRenderingContext2D, sheet: Sheet, scene: Scene, pictures: number): Sheet[] {
    const before = this.#before;
    const same = before && UNMOVED.every((key) => before[key] === scene[key]) && before.camera.zoom === scene.camera.zoom;
    if (!same || pictures >= MOST_PICTURES) return [sheet];
    const [from, to] = [fitOf(before), fitOf(scene)];
    const [right, down] = [to.left - from.left, to.top - from.top];
    if (Math.abs(right - Math.round(right)) + Math.abs(down - Math.round(down)) > 1e-3) return [sheet];
    pen.drawImage(pen.canvas, Math.round(right), Math.round(down));
    return uncovered(sheet, Math.round(right), Math.round(down));
  }

  #dots(part: Sheet, scene: Scene): void {
    const fit = fitOf(scene);
    const width = widthOf(scene) * scene.density;
    cleared(part, scene.paper);
    dots(part, scene.places, scene.layout.curve, this.#inks(scene), fit, disk(width));
    if (scene.any) this.#chosen(part, scene, fit, width);
  }

  #sheet(pen: CanvasRenderingContext2D, scene: Scene): Sheet {
    const width = Math.max(1, Math.round(scene.size.width * scene.density));
    const height = Math.max(1, Math.round(scene.size.height * scene.density));
    if (pen.canvas.width !== width || pen.canvas.height !== height) [pen.canvas.width, pen.canvas.height] = [width, height];
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.#image = new ImageData(width, height);
      this.#before = null;
    }
    const pixels = new Int32Array(this.#image.data.buffer);
    return { pixels, width, height, left: 0, top: 0, right: width, bottom: height };
  }

  /** What is not selected is pale while something is. */
  #inks(scene: Scene): Int32Array {
    if (!scene.any) return scene.inks;
    const known = this.#pale;
    if (known.of !== scene.inks || known.selection !== scene.selection || known.paper !== scene.paper) {
      const words = scene.inks.map((ink, mark) => (scene.selection[mark] ? ink : mixed(scene.paper, ink, 80)));
      this.#pale = { of: scene.inks, selection: scene.selection, paper: scene.paper, words };
    }
    return this.#pale.words;
  }

  /** What is selected lies above, with a ring: not by its color alone. */
  #chosen(sheet: Sheet, scene: Scene, fit: Fit, width: number): void {
    const chosen = scene.layout.curve.filter((mark) => scene.selection[mark]);
    const ring = new Int32Array(scene.inks.length).fill(scene.paper ^ 0x00ffffff);
    dots(sheet, scene.places, chosen, ring, fit, disk(width + 3 * scene.density));
    dots(sheet, scene.places, chosen, scene.inks, fit, disk(width + 0.5 * scene.density));
  }
}

function fitOf(scene: Scene): Fit {
  const scale = scaleOf(scene.camera, scene.size) * scene.density;
  const { width, height } = scene.size;
  return { scale, left: (width * scene.density) / 2 - scene.camera.x * scale, top: (height * scene.density) / 2 - scene.camera.y * scale };
}

/** The pictures in sight, where they are in pixels of the page; those there are no pictures of yet, too. */
function shownOf(scene: Scene): Painted[] {
  const side = sideOf(scene);
  if (!side || !scene.pictures) return [];
  const { scale, left, top } = fitOf(scene);
  const marks = withPictures(scene, side);
  scene.pictures.begin(marks, Math.round(side * scene.density));
  return marks.map((mark) => ({
    mark,
    x: (scene.places[2 * mark]! * scale + left) / scene.density,
    y: (scene.places[2 * mark + 1]! * scale + top) / scene.density,
    side,
  }));
}

function paintPictures(pen: CanvasRenderingContext2D, scene: Scene, shown: readonly Painted[], part: Sheet): void {
  const { density, pictures } = scene;
  if (!pictures) return;
  pen.imageSmoothingQuality = "medium";
  for (const { mark, x, y, side } of shown) {
    const pixels = Math.round(side * density);
    const [left, top] = [Math.floor(x * density - pixels / 2 + 0.5), Math.floor(y * density - pixels / 2 + 0.5)];
    const edge = 6 * density;
    if (left > part.right + edge || top > part.bottom + edge || left + pixels < part.left - edge || top + pixels < part.top - edge)
      continue;
    const cut = (side > OWN ? pictures.large(mark) : null) ?? pictures.thumbnail(mark);
    if (cut) paintOne(pen, scene, mark, cut, left, top, pixels);
  }
  pen.globalAlpha = 1;
}

function paintOne(pen: CanvasRenderingContext2D, scene: Scene, mark: number, cut: Cut, x: number, y: number, side: number): void {
  const chosen = scene.any && scene.selection[mark];
  const thin = scene.inks[mark] === scene.plain && !chosen;
  const edge = thin ? 1 : Math.round(Math.min(Math.max(1, side / 24), 4 * scene.density));
  const [width, height] = [side * Math.min(1, cut.width / cut.height), side * Math.min(1, cut.height / cut.width)];
  pen.globalAlpha = scene.any && !chosen ? 0.22 : 1;
  pen.fillStyle = chosen ? scene.accent : styleOf(scene.inks[mark]!);
  const around = chosen ? edge + Math.round(scene.density) : edge;
  pen.fillRect(x - around + (side - width) / 2, y - around + (side - height) / 2, width + 2 * around, height + 2 * around);
  pen.drawImage(cut.image, cut.x, cut.y, cut.width, cut.height, x + (side - width) / 2, y + (side - height) / 2, width, height);
}

function styleOf(word: number): string {
  return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
}
