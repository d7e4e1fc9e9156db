import { expect, test } from "vitest";
import type { NetworkInfo } from "../../src/schema";
import { classNamed, find, findClasses } from "../../src/store/finding";

const layer = (name: string, units: number) => ({ name, kind: "Conv2d", shape: [units, 7, 7], units, map: true, inputs: [] });
const info = {
  classifies: true,
  labels: ["tabby", "tiger cat", "tiger shark"],
  layers: [layer("stem", 8), layer("blocks.2", 40), layer("blocks.2.0.conv", 24), { ...layer("logits", 3), kind: "Linear" }],
} as unknown as NetworkInfo;
const texts = (words: string) => find(info, words).map((row) => `${row.kind} ${row.text}`);

test("an address leads to the unit, the shortest layer first, where there are so many", () => {
  expect(texts("blocks.2:17").slice(0, 2)).toEqual(["unit blocks.2:17", "unit blocks.2.0.conv:17"]);
  expect(texts("blocks.2:30")[0]).toBe("unit blocks.2:30");
  expect(texts("stem:8").some((text) => text.startsWith("unit"))).toBe(false);
});

test("a layer called just so comes before what is inside it, wherever the table has it", () => {
  const inside = { ...info, layers: [layer("my.blocks.2", 8), layer("blocks.2.0", 8), layer("blocks.2", 8)] } as NetworkInfo;
  expect(find(inside, "blocks.2").map((row) => row.text)).toEqual(["blocks.2", "blocks.2.0", "my.blocks.2"]);
});

test("classes are found by their words and lead to their scores", () => {
  expect(texts("tiger")).toEqual(["class tiger cat", "class tiger shark"]);
  expect(find(info, "shark tiger")[0]).toMatchObject({ layer: "logits", channel: 2 });
  expect(texts("class ")).toEqual(["class tabby", "class tiger cat", "class tiger shark"]);
});

test("nothing asked for lists the layers", () => {
  expect(texts("").every((text) => text.startsWith("layer"))).toBe(true);
});

test("a class is named by its label where that is enough, and else by its number", () => {
  const twice = { ...info, labels: ["crane", "tiger cat", "crane"] } as NetworkInfo;
  const named = (words: string) => findClasses(twice, words).map((row) => classNamed(twice, row));
  expect(named("Cat  tiger")).toEqual(["tiger cat"]);
  expect(named("crane")).toEqual(["0", "2"]);
  expect(named("2")).toEqual(["2"]);
  expect(findClasses(twice, "")).toHaveLength(3);
});
