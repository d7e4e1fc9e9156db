/** What words in the search box mean: layers, units by address, classes by name. */
import type { NetworkInfo } from "../schema";

export interface Found {
  kind: "layer" | "unit" | "class";
  text: string;
  about: string;
  layer: string;
  channel: number;
}

const MOST = 60;

/** The best matches first; `class …` asks for classes only. */
export function find(info: NetworkInfo, text: string): Found[] {
  const asked = text.trim().toLowerCase();
  const onlyClasses = /^class(es)?(\s|$)/.test(asked);
  const words = wordsOf(onlyClasses ? asked.replace(/^class(es)?/, "") : asked);
  const rows = onlyClasses
    ? classes(info, words)
    : [...units(info, asked), ...layers(info, words), ...(words.length ? classes(info, words) : [])];
  return rows.slice(0, MOST);
}

/** `layer:channel`, with as much of the layer's name as makes it known. */
function units(info: NetworkInfo, asked: string): Found[] {
  const match = /^(\S+?)[:\s](\d+)$/.exec(asked);
  if (!match) return [];
  const [, name = "", number = ""] = match;
  const channel = Number(number);
  return info.layers
    .filter((row) => row.name.toLowerCase().includes(name) && channel < row.units)
    .sort((a, b) => a.name.length - b.name.length)
    .slice(0, 12)
    .map((row) => ({ kind: "unit", text: `${row.name}:${channel}`, about: `unit ${channel} of ${row.units}`, layer: row.name, channel }));
}

/** A layer called just so first, then those whose name begins so, the shortest before what is inside them. */
function layers(info: NetworkInfo, words: readonly string[]): Found[] {
  const begins = (name: string) => (words.length === 1 && name.toLowerCase().startsWith(words[0] ?? "") ? name.length : Infinity);
  return info.layers
    .filter((row) => words.every((word) => `${row.name} ${row.kind}`.toLowerCase().includes(word)))
    .sort((a, b) => (begins(a.name) === begins(b.name) ? 0 : begins(a.name) - begins(b.name)))
    .map((row) => ({ kind: "layer", text: row.name, about: `${row.kind} ${row.shape.join(" × ")}`, layer: row.name, channel: 0 }));
}

/** The classes that have all of these words in their names or numbers. */
export function findClasses(info: NetworkInfo, text: string): Found[] {
  return classes(info, wordsOf(text)).slice(0, MOST);
}

/** What a class is called where that is enough, and else its number. */
export function classNamed({ labels }: NetworkInfo, { text, channel }: Found): string {
  return text && labels.indexOf(text) === labels.lastIndexOf(text) ? text : String(channel);
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function classes(info: NetworkInfo, words: readonly string[]): Found[] {
  if (!info.classifies) return [];
  const found: Found[] = [];
  info.labels.forEach((label, channel) => {
    const text = `${label} ${channel}`.toLowerCase();
    if (words.every((word) => text.includes(word)))
      found.push({ kind: "class", text: label, about: `class ${channel}`, layer: "logits", channel });
  });
  return found;
}
