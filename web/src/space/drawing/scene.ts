/** The planes and wires of a network, drawn by three.js: one call a plane, one for all wires, one for the edges. */
import {
  BufferGeometry,
  Color,
  DataTexture,
  DoubleSide,
  LinearFilter,
  LinearMipmapLinearFilter,
  LinearSRGBColorSpace,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  NearestFilter,
  PerspectiveCamera,
  PlaneGeometry,
  RedFormat,
  RGBAFormat,
  Scene,
  ShaderMaterial,
  Texture,
  Vector2,
  WebGLRenderer,
} from "three";
import type { PlaneInfo, PlaneTiles, Space } from "../../schema";
import { table } from "../../views/colors";
import { curves, ribbons, type Strand } from "./curves";
import { eyeOf, FOV, type Orbit } from "./orbit";
import { cellsOf, type Hit } from "./picking";
import { fragment, vertex } from "./shaders";

export interface Inks {
  paper: string;
  wire: string;
  mark: string;
  empty: string;
}

export class NetworkScene {
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera = new PerspectiveCamera(FOV, 1, 0.05, 20000);
  readonly #planes: Mesh<PlaneGeometry, ShaderMaterial>[];
  readonly #wires: LineSegments<BufferGeometry, LineBasicMaterial>;
  readonly #strands = new Mesh(
    new BufferGeometry(),
    new MeshBasicMaterial({ vertexColors: true, side: DoubleSide, transparent: true, opacity: 0.9 }),
  );
  readonly #inks = { paper: { value: new Color() }, mark: { value: new Color() }, empty: { value: new Color() } };

  /** Raises an Error where the browser has no WebGL. */
  constructor(
    canvas: HTMLCanvasElement,
    readonly space: Space,
  ) {
    this.#renderer = new WebGLRenderer({ canvas, antialias: true, powerPreference: "high-performance" });
    this.#renderer.outputColorSpace = LinearSRGBColorSpace; // colors are shown as they are written
    const square = new PlaneGeometry(1, 1).rotateY(-Math.PI / 2);
    const tables = { sequential: lookup("sequential"), diverging: lookup("diverging") };
    this.#planes = space.planes.map((plane) => this.#planeOf(plane, square, tables));
    this.#wires = new LineSegments(curves(space), new LineBasicMaterial({ vertexColors: true, transparent: true }));
    this.#strands.frustumCulled = false;
    this.#scene.add(...this.#planes, this.#wires, this.#strands);
  }

  /** Calls to the graphics card for the last frame. */
  get drawCalls(): number {
    return this.#renderer.info.render.calls;
  }

  resize(width: number, height: number, density: number): void {
    this.#renderer.setPixelRatio(density);
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / Math.max(1, height);
    this.#camera.updateProjectionMatrix();
  }

  ink(inks: Inks): void {
    this.#scene.background = plain(inks.paper);
    for (const key of ["paper", "mark", "empty"] as const) this.#inks[key].value.copy(plain(inks[key]));
    this.#wires.material.color.copy(plain(inks.wire));
  }

  /** Shows the tiles of a plane: `pixels` is one byte each. */
  tiles(number: number, told: PlaneTiles, pixels: Uint8Array): void {
    const mesh = this.#planes[number];
    if (!mesh) return;
    const uniforms = mesh.material.uniforms;
    const [width, height] = [told.width * told.columns, told.height * told.rows];
    const old = uniforms.tiles!.value as DataTexture | null;
    if (old?.image.width === width && old.image.height === height) old.image.data = pixels;
    else {
      old?.dispose();
      uniforms.tiles!.value = smooth(new DataTexture(pixels, width, height, RedFormat));
      (uniforms.tiles!.value as DataTexture).unpackAlignment = 1;
    }
    (uniforms.tiles!.value as DataTexture).needsUpdate = true;
    uniforms.colors!.value = told.low < 0 ? uniforms.diverging!.value : uniforms.sequential!.value;
    uniforms.kind!.value = 1;
  }

  /** Shows the image itself, as the network sees it. */
  picture(number: number, picture: ImageBitmap): void {
    const uniforms = this.#planes[number]?.material.uniforms;
    if (!uniforms) return;
    (uniforms.tiles!.value as Texture | null)?.dispose();
    const texture = smooth(new Texture(picture as unknown as HTMLImageElement));
    texture.flipY = false;
    texture.needsUpdate = true;
    uniforms.tiles!.value = texture;
    uniforms.kind!.value = 2;
  }

  show(shown: (plane: number) => boolean): void {
    this.#planes.forEach((mesh, number) => {
      mesh.visible = shown(number);
    });
    this.#wires.geometry.dispose();
    this.#wires.geometry = curves(this.space, shown);
  }

  /** Rings the plane one is at, a cell in it, and the one under the pointer; draws what is strongest into one. */
  mark(at: Hit | null, under: Hit | null, strands: readonly Strand[]): void {
    this.#planes.forEach((mesh, number) => {
      mesh.material.uniforms.chosen!.value = at?.plane === number ? 1 : 0;
      mesh.material.uniforms.cell!.value = at?.plane === number ? at.channel : -1;
      mesh.material.uniforms.under!.value = under?.plane === number ? under.channel : -1;
    });
    this.#strands.geometry.dispose();
    this.#strands.geometry = ribbons(this.space, strands);
    this.#strands.visible = strands.length > 0;
  }

  render(orbit: Orbit): void {
    const eye = eyeOf(orbit);
    this.#camera.position.set(eye.x, eye.y, eye.z);
    this.#camera.lookAt(orbit.target.x, orbit.target.y, orbit.target.z);
    this.#renderer.render(this.#scene, this.#camera);
  }

  dispose(): void {
    for (const { material } of this.#planes) {
      (material.uniforms.tiles!.value as Texture | null)?.dispose();
      material.dispose();
    }
    this.#wires.geometry.dispose();
    this.#strands.geometry.dispose();
    this.#renderer.dispose();
  }

  #planeOf(
    plane: PlaneInfo,
    square: PlaneGeometry,
    tables: Record<"sequential" | "diverging", Texture>,
  ): Mesh<PlaneGeometry, ShaderMaterial> {
    const uniforms = {
      tiles: { value: null },
      colors: { value: tables.sequential },
      sequential: { value: tables.sequential },
      diverging: { value: tables.diverging },
      kind: { value: 0 },
      grid: { value: new Vector2(plane.columns, plane.rows) },
      count: { value: cellsOf(plane) },
      chosen: { value: 0 },
      cell: { value: -1 },
      under: { value: -1 },
      paper: this.#inks.paper,
      mark: this.#inks.mark,
      empty: this.#inks.empty,
    };
    const mesh = new Mesh(square, new ShaderMaterial({ uniforms, vertexShader: vertex, fragmentShader: fragment, side: DoubleSide }));
    mesh.position.set(plane.along, 0, plane.across);
    mesh.scale.set(1, plane.height, plane.width);
    return mesh;
  }
}

/** A color as it is written. */
function plain(color: string): Color {
  return new Color().setStyle(color, "srgb-linear");
}

function smooth<T extends Texture>(texture: T): T {
  texture.magFilter = NearestFilter;
  texture.minFilter = LinearMipmapLinearFilter;
  texture.generateMipmaps = true;
  return texture;
}

function lookup(map: "sequential" | "diverging"): Texture {
  const colors = table(map);
  const texture = new DataTexture(new Uint8Array(Uint32Array.from(colors).buffer), colors.length, 1, RGBAFormat);
  texture.minFilter = texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}
