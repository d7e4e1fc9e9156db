import { expect, test } from "vitest";
import { patience } from "../../src/hosts/live";

test("attempts to connect come ever more slowly, up to five seconds", () => {
  const waits = [0, 1, 2, 3, 4, 5, 60].map(patience);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(waits[0]).toBe(0.25);
  expect(waits.at(-1)).toBe(5);
});
