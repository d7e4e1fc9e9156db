import { expect, test } from "vitest";
import { ViewOf } from "../../src/views/kinds";
import { Tiles } from "../../src/views/tiles";

const drawn = (kind: string) => ViewOf({ view: { kind, title: "", note: "", panels: [] }, arrays: {}, unit: "" });

test("a view is drawn by what draws its kind", () => {
  expect(drawn("tiles").type).toBe(Tiles);
});

test.each(["scatter", "toString", "__proto__", ""])("in place of a view of kind %o stands a sentence", (kind) => {
  expect(drawn(kind).type).toBe("p");
});
