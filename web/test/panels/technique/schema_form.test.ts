import { expect, test } from "vitest";
import { collect, field, fields, must, read } from "../../../src/panels/technique/schema_form";

// As pydantic writes them: see `convscope.contract.knobs.schema`.
const size = field("size", {
  anyOf: [
    { type: "integer", minimum: 1, maximum: 128 },
    { const: "auto", type: "string" },
  ],
  default: "auto",
  description: "side",
});
const keep = field("keep_share", { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.5 });
const fill = field("fill", { type: "string", enum: ["grey", "blur"], default: "grey" });
const smooth = field("smooth", { type: "boolean", default: false });
const color = field("color", {
  type: "string",
  pattern: "^(mean|#[0-9a-f]{6})$",
  default: "mean",
  description: "mean or a color, #rrggbb",
});
const target = field("target", { type: "string", format: "class", default: "" });
const seed = field("seed", { type: "integer", minimum: 0, exclusiveMaximum: 2 ** 63, default: 0 });

test("each kind of knob gets the control it needs", () => {
  const kinds = [size, keep, fill, smooth, color, target].map((one) => one.kind);
  expect(kinds).toEqual(["text", "text", "choice", "switch", "text", "class"]);
  expect(size.words).toEqual(["auto"]);
  expect(fill.words).toEqual(["grey", "blur"]);
});

test("what a knob may be is said in words", () => {
  expect(must(size)).toBe("a whole number from 1 to 128 or auto");
  expect(must(keep)).toBe("a number above 0 and below 1");
  expect(must(seed)).toBe("a whole number of at least 0");
});

test("a number inside the bounds is taken, at either end too", () => {
  expect(read(size, "1")).toEqual({ value: 1 });
  expect(read(size, " 128 ")).toEqual({ value: 128 });
  expect(read(size, "auto")).toEqual({ value: "auto" });
  expect(read(keep, "0.25")).toEqual({ value: 0.25 });
});

test.each([
  [size, "0"],
  [size, "129"],
  [size, "1.5"],
  [size, "big"],
  [keep, "0"],
  [keep, "1"],
  [seed, "-1"],
  [seed, "1e300"],
  [color, "red"],
])("%o does not take %s, and says what it takes", (one, typed) => {
  const found = read(one, typed);
  expect(found && "error" in found && found.error).toContain(`not ${typed}`);
});

test("an empty field leaves the knob as it is, and only what differs is sent", () => {
  expect(read(size, "")).toBeNull();
  const texts = { size: "auto", keep_share: "0.5", fill: "blur", smooth: "true" };
  expect(collect([size, keep, fill, smooth], texts)).toEqual({ values: { fill: "blur", smooth: true }, errors: {} });
  expect(collect([smooth], {}).values).toEqual({});
});

test("what is wrong is told by knob, in words a reader knows the knob by", () => {
  const { values, errors } = collect([size, keep], { size: "12", keep_share: "7" });
  expect(values).toEqual({ size: 12 });
  expect(errors.keep_share).toBe("keep share must be a number above 0 and below 1, not 7.");
});

test("knobs keep the order of the schema", () => {
  expect(fields({ b: { type: "boolean" }, a: { type: "integer" } }).map((one) => one.name)).toEqual(["b", "a"]);
});
