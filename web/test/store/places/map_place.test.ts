import { expect, test } from "vitest";
import { BARE, readMap, writeMap } from "../../../src/store/places/map_place";

const PLACE = { digest: "ab12", color: "unit blocks.3:42", view: "0.25,0.5,8", layout: "grid", snapshot: 1.5, at: 17 } as const;

test("a place in a map survives its address", () => {
  expect(readMap(writeMap(PLACE))).toEqual(PLACE);
  expect(writeMap({ ...BARE, digest: "ab" })).toBe("#/map/ab");
  expect(readMap("#/map/")).toEqual(BARE);
});

test("what an address may not say is as it begins, and another page is none", () => {
  expect(readMap("#/map/ab?layout=globe&snapshot=x&at=-7")).toEqual({ ...BARE, digest: "ab" });
  for (const other of ["#/lite0/blocks.1/3", "", "#/map/AB!", "#/mapper/"]) expect(readMap(other)).toBeNull();
});
