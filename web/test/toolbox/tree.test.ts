import { expect, test } from "vitest";
import type { LayerInfo } from "../../src/schema";
import { above, connections, everyNode, grow, openAtFirst, shownRows } from "../../src/toolbox/tree";

function layer(name: string, ...inputs: string[]): LayerInfo {
  return { name, kind: "Conv2d", shape: [8, 4, 4], units: 8, map: true, inputs };
}

/** A residual block in a table as networks have it: parts, then the block itself. */
const LAYERS = [
  layer("input"),
  layer("stem", "input"),
  layer("body.0.a", "stem"),
  layer("body.0.b", "body.0.a"),
  layer("body.0", "body.0.b", "stem"),
  layer("body.1", "body.0"),
  layer("logits", "body.1"),
];
const roots = grow(LAYERS);
const names = (open: string[], words = "") => shownRows(roots, new Set(open), words).map((node) => node.name);

test("modules hide their parts until they are open", () => {
  expect(names([])).toEqual(["input", "stem", "body", "logits"]);
  expect(names(["body"])).toEqual(["input", "stem", "body", "body.0", "body.1", "logits"]);
  expect(names(["body", "body.0"])).toContain("body.0.b");
  expect(everyNode(roots).find((node) => node.name === "body")?.layer).toBeNull();
});

test("a search looks through closed modules, by name and kind", () => {
  expect(names([], "0 conv2d a")).toEqual(["body.0.a"]);
  expect(names([], "nothing")).toEqual([]);
});

test("blocks are shown at first where there is room, the few layers in each are not", () => {
  expect([...openAtFirst(roots)]).toEqual(["body"]);
  expect([...openAtFirst(roots, 4)]).toEqual([]);
});

test("a module of many layers is open at first, as in VGG", () => {
  const features = Array.from({ length: 31 }, (_, i) => layer(`features.${i}`));
  expect([...openAtFirst(grow([layer("input"), ...features]))]).toEqual(["features"]);
});

test("the modules around a layer", () => {
  expect(above("a.b.c")).toEqual(["a", "a.b"]);
  expect(above("a")).toEqual([]);
});

test("a residual block has its skip in a lane: closed, round its row; open, round its parts", () => {
  const edges = (open: string[]) => {
    const rows = names(open);
    return connections(LAYERS, roots, new Set(open)).map((edge) => `${rows[edge.from]} ${rows[edge.to]} ${edge.lane}`);
  };
  expect(edges([])).toEqual(["input stem -1", "stem body -1", "body logits -1", "stem body 0"]);
  expect(edges(["body"])).toEqual(["input stem -1", "stem body.0 -1", "body.0 body.1 -1", "body.1 logits -1", "stem body.0 0"]);
  expect(edges(["body", "body.0"])).toEqual([
    "input stem -1",
    "stem body.0.a -1",
    "body.0.a body.0.b -1",
    "body.0.b body.1 -1",
    "body.1 logits -1",
    "stem body.0.b 0",
  ]);
});

test("connections that overlap have lanes of their own", () => {
  const flat = [layer("a"), layer("b", "a"), layer("c", "b", "a"), layer("d", "c", "b"), layer("e", "d", "c")];
  const found = connections(flat, grow(flat), new Set());
  const skips = found.filter((edge) => edge.lane >= 0);
  expect(skips.map((edge) => [edge.from, edge.to, edge.lane])).toEqual([
    [0, 2, 0],
    [1, 3, 1],
    [2, 4, 0],
  ]);
});
