/** Which part of a map is on screen: a map lies in the square from 0 to 1, x to the right and y downward. */

/** The place in the middle of the screen, and how many times larger than the whole map it is shown. */
export interface Camera {
  x: number;
  y: number;
  zoom: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Spot {
  x: number;
  y: number;
}

export const WHOLE: Camera = { x: 0.5, y: 0.5, zoom: 1 };
export const MOST = 4000;
const MARGIN = 24; // pixels around the whole map

/** Pixels of the screen for one side of the map. */
export function scaleOf(camera: Camera, size: Size): number {
  return camera.zoom * Math.max(32, Math.min(size.width, size.height) - 2 * MARGIN);
}

export function toScreen(camera: Camera, size: Size, spot: Spot): Spot {
  const scale = scaleOf(camera, size);
  return { x: (spot.x - camera.x) * scale + size.width / 2, y: (spot.y - camera.y) * scale + size.height / 2 };
}

export function toMap(camera: Camera, size: Size, spot: Spot): Spot {
  const scale = scaleOf(camera, size);
  return { x: (spot.x - size.width / 2) / scale + camera.x, y: (spot.y - size.height / 2) / scale + camera.y };
}

/** Moved by so many pixels; what is under the pointer stays under it. */
export function panned(camera: Camera, size: Size, right: number, down: number): Camera {
  const scale = scaleOf(camera, size);
  return kept({ ...camera, x: camera.x - right / scale, y: camera.y - down / scale });
}

/** Zoomed about a spot of the screen, which stays where it is. */
export function zoomed(camera: Camera, size: Size, factor: number, about: Spot): Camera {
  const zoom = Math.min(Math.max(camera.zoom * factor, 0.5), MOST);
  const still = toMap(camera, size, about);
  const there = toMap({ ...camera, zoom }, size, about);
  return kept({ zoom, x: camera.x + still.x - there.x, y: camera.y + still.y - there.y });
}

/** Moved no further than a spot needs to be seen, with room around it. */
export function showing(camera: Camera, size: Size, spot: Spot, room = 60): Camera {
  const at = toScreen(camera, size, spot);
  const over = (value: number, end: number) => Math.min(value - room, 0) + Math.max(value - (end - room), 0);
  return panned(camera, size, -over(at.x, size.width), -over(at.y, size.height));
}

/** The middle never leaves the map. */
function kept(camera: Camera): Camera {
  const within = (value: number) => Math.min(Math.max(value, 0), 1);
  return { ...camera, x: within(camera.x), y: within(camera.y) };
}

/** `x,y,zoom` for an address, empty for the whole map; and back, the whole map where it is none. */
export function written(camera: Camera): string {
  const whole = camera.x === WHOLE.x && camera.y === WHOLE.y && camera.zoom === WHOLE.zoom;
  return whole ? "" : [camera.x.toFixed(7), camera.y.toFixed(7), camera.zoom.toPrecision(6)].map(Number).join();
}

export function read(text: string): Camera {
  const [x, y, zoom] = text.split(",").map(Number);
  if (![x, y, zoom].every(Number.isFinite) || !(zoom! > 0)) return WHOLE;
  return kept({ x: x!, y: y!, zoom: Math.min(Math.max(zoom!, 0.5), MOST) });
}
