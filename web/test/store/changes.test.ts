import { expect, test } from "vitest";
import type { Frame } from "../../src/hosts/host";
import type { Looked, UnitChanges } from "../../src/schema";
import { byChange, ofLayer, plain } from "../../src/store/changes";

const floats = (...data: number[]) => ({ data: Float32Array.from(data), shape: [data.length] });
const looked = (high: number[], shape: number[]) =>
  ({ header: { layer: "a", shape }, arrays: { high: floats(...high) } }) as unknown as Frame<Looked>;
const numbers = (all: ArrayLike<number> | undefined) => Array.from(all ?? []);

const measured = {
  header: { layers: ["a", "b"], reference: "the 7 other bundled photos, so rough", draws: 8 },
  arrays: {
    edges: { data: Int32Array.from([0, 2, 6]), shape: [3] },
    difference: floats(9, 9, 0.5, Number.NaN, -3, 1),
    control: floats(0, 0, 0.1, Number.NaN, 4, 0.2),
  },
} as unknown as Frame<UnitChanges>;

test("of what was measured a layer has its own part, in spreads", () => {
  const found = ofLayer(measured, "b");
  expect(numbers(found?.difference)).toEqual([0.5, Number.NaN, -3, 1]);
  expect(found?.told).toContain("the 7 other bundled photos, beside what 8 draws");
  expect(ofLayer(measured, "c")).toBeNull();
});

test("what noise moves as far comes after what it does not, and what has no measure last", () => {
  expect([...byChange(ofLayer(measured, "b")!)]).toEqual([3, 0, 2, 1]);
  expect([...byChange({ difference: Float32Array.from([1, -2, 0, 2]), control: null, unit: "", told: "" })]).toEqual([1, 3, 0, 2]);
});

test("the plain difference is of responses: at least 0 where a layer has places, of any sign where it has none", () => {
  const [one, two] = [
    [-2, 1],
    [-1, 3],
  ] as const;
  expect(numbers(plain(looked([...one], [2, 7, 7]), looked([...two], [2, 7, 7]), "a")?.difference)).toEqual([0, 2]);
  expect(numbers(plain(looked([...one], [2]), looked([...two], [2]), "a")?.difference)).toEqual([1, 2]);
  expect(numbers(plain(looked([...one], [2, 7, 7]), looked([...two], [2, 7, 7]), "a", true)?.difference)).toEqual([1, 2]);
  expect(plain(looked([...one], [2]), looked([...two], [2]), "b")).toBeNull();
  expect(plain(null, looked([...two], [2]), "a")).toBeNull();
});
