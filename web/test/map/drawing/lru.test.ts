import { expect, test } from "vitest";
import { Newest } from "../../../src/map/drawing/lru";

test("what was used last stays, what goes is given back once", () => {
  const gone: string[] = [];
  const kept = new Newest<number, string>(2, (value) => gone.push(value));
  kept.set(1, "a");
  kept.set(2, "b");
  expect(kept.get(1)).toBe("a");
  kept.set(3, "c");
  expect(gone).toEqual(["b"]);
  expect([kept.get(1), kept.get(2), kept.get(3)]).toEqual(["a", undefined, "c"]);
  kept.clear();
  expect(gone).toEqual(["b", "a", "c"]);
  expect(kept.size).toBe(0);
});

test("what is heavy drives out as much as it needs, and stays itself", () => {
  const kept = new Newest<string, string>(5);
  for (const key of ["a", "b", "c"]) kept.set(key, key, 2);
  expect([kept.get("a"), kept.get("b")]).toEqual([undefined, "b"]);
  kept.set("large", "large", 9);
  expect([kept.size, kept.get("large")]).toEqual([1, "large"]);
});
