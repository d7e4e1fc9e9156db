import { expect, test } from "vitest";
import type { NetworkInfo } from "../../src/schema";
import { nearest, type Place, parseUnit, read, write } from "../../src/store/address";

const PLACE: Place = {
  network: "torchvision:resnet18",
  layer: "layer3.0.conv2",
  channel: 137,
  image: "a".repeat(64),
  other: "b".repeat(64),
  origin: "layer4:3",
  page: "circuit",
  mode: "deconvnet",
  style: "absolute",
  scale: "network",
  grid: "synthesized",
  order: "activation",
  boost: 2.5,
  gamma: 0.5,
};

test("a place survives its link", () => {
  expect(read(write(PLACE))).toEqual(PLACE);
  const odd = { ...PLACE, network: "models/my net?#%.safetensors", layer: "a/b" };
  expect(read(write(odd))).toEqual(odd);
});

test("what is as it begins is not written", () => {
  expect(write(read("#/lite0/blocks.2/7")!)).toBe("#/lite0/blocks.2/7");
});

test.each(["", "#", "#token=abc", "/lite0", "#lite0"])("%j means no place", (hash) => {
  expect(read(hash)).toBeNull();
});

test("nonsense is read as the beginning", () => {
  const place = read("#/lite0/blocks.2/-4?mode=magic&boost=NaN&gamma=99&scale=&bogus=1")!;
  expect([place.channel, place.mode, place.boost, place.gamma, place.scale]).toEqual([0, "guided_backprop", 1, 4, "layer"]);
  expect(read("#/%E0%A4%A/x/y")!.network).toBe("%E0%A4%A");
});

const layer = (name: string, units: number) => ({ name, kind: "Conv2d", shape: [units, 7, 7], units, map: true, inputs: [] });
const info = {
  title: "Net",
  start: "blocks.1",
  layers: [layer("stem", 8), layer("blocks.1", 16), layer("blocks.2.conv", 32)],
} as unknown as NetworkInfo;

test("a unit that is not there leads to the nearest and says so", () => {
  expect(nearest(info, "stem", 3)).toEqual({ layer: "stem", channel: 3, why: "" });
  const far = nearest(info, "stem", 99);
  expect([far.layer, far.channel]).toEqual(["stem", 7]);
  expect(far.why).toContain("8 units");
  const gone = nearest(info, "blocks.2.bn", 40);
  expect([gone.layer, gone.channel]).toEqual(["blocks.2.conv", 31]);
  expect(gone.why).toContain("no layer blocks.2.bn");
  expect(nearest(info, "zzz", 0).layer).toBe("blocks.1");
});

test("a unit's address", () => {
  expect(parseUnit("blocks.2:17")).toEqual({ layer: "blocks.2", channel: 17 });
  expect(parseUnit("blocks.2")).toBeNull();
});
