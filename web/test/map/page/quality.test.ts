import { expect, test } from "vitest";
import { inShort, madeHow, qualityOf, stepBetween } from "../../../src/map/page/quality";

const quality = { trustworthiness: 0.9712, recall: 0.305, hit: null, centroid_recall: 0.5 };
const evidence = { quality_neighbors: 10, chance_recall: 0.004, perplexity: [30, 12.345], seed: 3, components: 50, variance_held: 0.91 };

test("the quality is said in words, with what chance would give, and nothing where there are no classes", () => {
  const facts = qualityOf({ quality, evidence, layer: "pool" });
  expect(inShort(facts)).toBe("trustworthiness 0.97 · recall 31 % · class recall 50 %");
  expect(facts[1]?.says).toContain("10 nearest in pool are among its 10 nearest here (by chance 0.4 %)");
});

test("how it was made: method, perplexities, seed, what it is made of", () => {
  expect(madeHow({ method: "t-sne", metric: "l2", evidence, dims: 2 })).toBe(
    "t-SNE; perplexity 30, 12.3; seed 3; distances l2; 50 components hold 91 % of the variance.",
  );
});

test("a step of an evolution has its control beside it", () => {
  const control = { null_motion: 0.0123, neighbour_change: [0.2, 0.4], rank_correlation: [-0.1, 0.5], procrustes: [0.9, 0.3] };
  const facts = stepBetween({ control, snapshots: ["a", "b", "c"], layer: "pool" }, 1);
  expect(facts.map((fact) => fact.value)).toEqual(["0.012", "40 %", "0.50", "30 %"]);
  expect(facts[1]?.says).toContain("at c than at b");
});
