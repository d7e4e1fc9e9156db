import { beforeEach, expect, test } from "vitest";
import { subjectsOf } from "../../../src/panels/technique/subjects";
import type { Session, TechniqueInfo } from "../../../src/schema";
import * as state from "../../../src/store/state";

const compare = { name: "compare_networks", subjects: ["other", "source"] } as TechniqueInfo;
const offered = (...networks: string[]) => {
  state.session.value = { networks } as Session;
};

beforeEach(() => {
  state.network.value = { name: "lite0", layers: [] as unknown } as typeof state.network.value;
});

test("the other network is the first on offer that is not on screen, unless one is typed", () => {
  offered("lite0", "lite1", "lite2");
  const [other] = subjectsOf(compare, {});
  expect(other).toMatchObject({ value: "lite1", names: ["lite0", "lite1", "lite2"], fixed: null, missing: "" });
  expect(subjectsOf(compare, { other: " lite2 " })[0]?.value).toBe("lite2");
});

test("without another network nothing is offered, and the form says so", () => {
  offered("lite0");
  expect(subjectsOf(compare, {})[0]).toMatchObject({ value: "", missing: "There is no other network here to compare with." });
  expect(subjectsOf(compare, { other: "lite0" })[0]).toMatchObject({ value: "lite0", missing: "" });
});

test("the images are those at hand, and cannot be named", () => {
  offered("lite0", "lite1");
  const [, source] = subjectsOf(compare, { source: "/etc" });
  expect(source).toMatchObject({ value: "", options: null });
  expect(source?.fixed).toContain("the images the explorer was started with");
});
