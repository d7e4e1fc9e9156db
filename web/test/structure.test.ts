/** The rooms of the page: who may import whom, no circle of files, and no room too full. */
import { expect, test } from "vitest";

const MOST = 17; // files of a folder

/** The rooms, from the ground up, and which others each imports from; `schema.ts` is open to all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  hosts: [],
  "store/places": [],
  store: ["hosts", "store/places"],
  views: ["hosts", "store", "store/places"],
  input: ["hosts", "store", "store/places"],
  panels: ["hosts", "store", "store/places", "views", "input"],
  "panels/beside": ["hosts", "store", "store/places", "views", "panels"],
  "panels/scan": ["hosts", "store", "store/places", "views", "input", "panels"],
  "panels/technique": ["hosts", "store", "store/places", "views", "input", "panels"],
  toolbox: ["hosts", "store", "store/places", "views"],
  "toolbox/grid": ["hosts", "store", "store/places", "views", "panels", "toolbox"],
  "map/drawing": ["hosts", "store", "store/places", "views"],
  map: ["hosts", "store", "store/places", "views", "map/drawing"],
  "map/page": ["hosts", "store", "store/places", "views", "panels", "map", "map/drawing"],
  circuit: ["hosts", "store", "store/places", "views", "toolbox"],
  training: ["hosts", "store", "store/places", "views", "input"],
  "space/drawing": ["views"],
  space: ["hosts", "store", "store/places", "views", "space/drawing"],
  "space/page": ["hosts", "store", "store/places", "views", "input", "map/drawing", "space", "space/drawing"],
  shell: [
    "hosts",
    "store",
    "store/places",
    "views",
    "input",
    "panels",
    "panels/beside",
    "panels/scan",
    "panels/technique",
    "toolbox",
    "toolbox/grid",
    "map",
    "map/page",
    "circuit",
    "space/page",
    "training",
  ],
};

const texts = import.meta.glob<string>("../src/**/*", { query: "?raw", import: "default", eager: true });
const files = Object.keys(texts).map((path) => path.replace("../src/", ""));
const modules = files.filter((name) => /\.tsx?$/.test(name));
const imports = new Map(modules.map((name) => [name, importsOf(name)]));

/** The modules that one imports, types too. */
function importsOf(name: string): string[] {
  const asked = [...(texts[`../src/${name}`] ?? "").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] ?? "");
  return asked.filter((path) => !path.endsWith(".css")).map((path) => moduleAt(joined(name, path)));
}

/** The path of what a module imports, from the source folder. */
function joined(name: string, path: string): string {
  return new URL(path, `file:///${name}`).pathname.slice(1);
}

function moduleAt(path: string): string {
  const name = [`${path}.ts`, `${path}.tsx`].find((each) => modules.includes(each));
  if (!name) throw new Error(`There is no module ${path}.`);
  return name;
}

/** The folder a file lies in; empty for those that lie in none. */
function roomOf(name: string): string {
  return name.replace(/\/?[^/]*$/, "");
}

/** A way from a module back to itself, if there is one. */
function circle(start: string): string[] {
  const ways = [[start]];
  const known = new Set<string>();
  for (let way = ways.pop(); way; way = ways.pop()) {
    for (const next of imports.get(way.at(-1) ?? "") ?? []) {
      if (next === start) return [...way, next];
      if (!known.has(next)) ways.push([...way, next]);
      known.add(next);
    }
  }
  return [];
}

test("every module lies in a room, but for the first of each page and the messages", () => {
  expect(modules.filter((name) => roomOf(name) === "")).toEqual(["file.tsx", "main.tsx", "schema.ts"]);
  expect([...new Set(modules.map(roomOf))].filter(Boolean).sort()).toEqual(Object.keys(MAY_IMPORT).sort());
});

test("imports point down", () => {
  const ways = modules.flatMap((name) => (imports.get(name) ?? []).map((each): [string, string] => [name, each]));
  const wrong = ways.filter(([name, each]) => {
    const [from, to] = [roomOf(name), roomOf(each)];
    return name === "schema.ts" || (from && from !== to && each !== "schema.ts" && !MAY_IMPORT[from]?.includes(to));
  });
  expect(wrong).toEqual([]);
});

test("no module imports itself round a circle", () => {
  expect(modules.map(circle).filter((way) => way.length)).toEqual([]);
});

test("no folder holds more files than can be taken in", () => {
  const count = new Map<string, number>();
  for (const name of files) count.set(roomOf(name), (count.get(roomOf(name)) ?? 0) + 1);
  expect([...count].filter(([, held]) => held > MOST)).toEqual([]);
});
