/** How a plane is colored: bytes through a table of colors, cell by cell, with a seam between cells that are large enough. */
export const vertex = `
varying vec2 place;
void main() {
  place = vec2(uv.x, 1.0 - uv.y);
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

export const fragment = `
uniform sampler2D tiles, colors;
uniform int kind;
uniform vec2 grid;
uniform float count, chosen, cell, under;
uniform vec3 paper, mark, empty;
varying vec2 place;
void main() {
  vec2 at = place * grid;
  vec2 which = min(floor(at), grid - 1.0);
  float number = which.y * grid.x + which.x;
  vec2 step = fwidth(at);
  vec2 edge = min(at - which, 1.0 - (at - which));
  vec2 rim = min(place, 1.0 - place) / max(fwidth(place), 1e-6);
  bool outline = chosen > 0.5 && min(rim.x, rim.y) < 2.5;
  if (number > count - 0.5 && !outline) discard;
  vec3 color = empty;
  if (kind == 1) color = texture2D(colors, vec2((texture2D(tiles, place).r * 255.0 + 0.5) / 256.0, 0.5)).rgb;
  if (kind == 2) color = texture2D(tiles, place).rgb;
  vec2 far = edge / max(step, vec2(1e-6));
  float pixels = 1.0 / max(step.x, step.y);
  if (count > 1.5 && pixels > 5.0 && min(far.x, far.y) < 0.5 + min(pixels * 0.012, 2.0)) color = paper;
  bool ring = min(far.x, far.y) < 2.5;
  if (abs(number - cell) < 0.5 && ring) color = mark;
  if (abs(number - under) < 0.5 && ring) color = min(far.x, far.y) < 1.2 ? vec3(0.0) : vec3(1.0);
  if (outline) color = mark;
  gl_FragColor = vec4(color, 1.0);
}`;
