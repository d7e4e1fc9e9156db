import { expect, test } from "vitest";
import { tokenIn, withoutToken } from "../../src/hosts/token";

test("the token is found alone and beside the page's state, and taken out", () => {
  expect(tokenIn("#token=aB-9_z")).toBe("aB-9_z");
  expect(withoutToken("#token=aB-9_z")).toBe("");
  expect(tokenIn("#/lite0/blocks.2/7?mode=off&token=abc")).toBe("abc");
  expect(withoutToken("#/lite0/blocks.2/7?mode=off&token=abc")).toBe("#/lite0/blocks.2/7?mode=off");
  expect(withoutToken("#/lite0/blocks.2/7?token=abc&mode=off")).toBe("#/lite0/blocks.2/7?mode=off");
  expect(withoutToken("#/lite0/blocks.2/7?token=abc")).toBe("#/lite0/blocks.2/7");
  expect(tokenIn("#/lite0/mytoken=x/7")).toBe("");
});
