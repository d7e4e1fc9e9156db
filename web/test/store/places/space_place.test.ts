import { expect, test } from "vitest";
import { readSpace, writeSpace } from "../../../src/store/places/space_place";

test("a place in space is written and read back", () => {
  const place = { at: "layer1.0", channel: 7, flat: true, every: false };
  const hash = writeSpace(place, "my/net", "ab");
  expect(readSpace(hash)).toEqual({ ...place, network: "my/net", image: "ab" });
  expect(writeSpace({ at: "", channel: -1, flat: false, every: false }, "lite0", "")).toBe("#/space/lite0");
});

test("a layer without a channel, and what means no place", () => {
  expect(readSpace("#/space/lite0?at=logits")).toEqual({
    network: "lite0",
    image: "",
    at: "logits",
    channel: -1,
    flat: false,
    every: false,
  });
  for (const hash of ["#/lite0/space/3", "#/space/lite0/3", "#/map/", ""]) expect(readSpace(hash)).toBe(null);
});
