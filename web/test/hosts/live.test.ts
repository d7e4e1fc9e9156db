import { expect, test } from "vitest";
import { patience, tokenIn, withoutToken } from "../../src/hosts/live";

test("the token is found alone and beside the page's state, and taken out", () => {
  expect(tokenIn("#token=aB-9_z")).toBe("aB-9_z");
  expect(withoutToken("#token=aB-9_z")).toBe("");
  expect(tokenIn("#/lite0/blocks.2/7?mode=off&token=abc")).toBe("abc");
  expect(withoutToken("#/lite0/blocks.2/7?mode=off&token=abc")).toBe("#/lite0/blocks.2/7?mode=off");
  expect(withoutToken("#/lite0/blocks.2/7?token=abc&mode=off")).toBe("#/lite0/blocks.2/7?mode=off");
  expect(withoutToken("#/lite0/blocks.2/7?token=abc")).toBe("#/lite0/blocks.2/7");
  expect(tokenIn("#/lite0/mytoken=x/7")).toBe("");
});

test("attempts to connect come ever more slowly, up to five seconds", () => {
  const waits = [0, 1, 2, 3, 4, 5, 60].map(patience);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(waits[0]).toBe(0.25);
  expect(waits.at(-1)).toBe(5);
});
