/** Controls from JSON Schema: what a knob may be, in words, and whether what was typed is that. */

export type Value = string | number | boolean;
/** A knob as a control. `numbers` are its bounds where it may be a number, `words` the words it may be. */
export interface Field {
  name: string;
  kind: "switch" | "choice" | "class" | "text";
  hint: string;
  standard: Value;
  words: string[];
  numbers: Bounds | null;
  anything: boolean;
  pattern: string;
}
export interface Bounds {
  whole: boolean;
  low: number;
  high: number;
  above: number;
  below: number;
}
export type Reading = { value: Value } | { error: string } | null;

interface Schema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  format?: string;
  anyOf?: Schema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  description?: string;
  default?: unknown;
}

export function fields(schema: Record<string, Record<string, unknown>>): Field[] {
  return Object.entries(schema).map(([name, knob]) => field(name, knob as Schema));
}

export function field(name: string, schema: Schema): Field {
  const cases = schema.anyOf ?? [schema];
  const words = cases.flatMap(wordsOf);
  const number = cases.find((one) => one.type === "integer" || one.type === "number");
  const anything = cases.some((one) => one.type === "string" && !wordsOf(one).length);
  const standard = isValue(schema.default) ? schema.default : "";
  return {
    name,
    kind: kindOf(cases, number !== undefined || anything),
    hint: schema.description ?? "",
    standard,
    words,
    numbers: number ? bounds(number) : null,
    anything,
    pattern: schema.pattern ?? "",
  };
}

function kindOf(cases: readonly Schema[], typed: boolean): Field["kind"] {
  if (cases.some((one) => one.type === "boolean")) return "switch";
  if (cases.some((one) => one.format === "class")) return "class";
  return typed ? "text" : "choice";
}

function wordsOf(schema: Schema): string[] {
  return [...(schema.enum ?? []), ...(schema.const === undefined ? [] : [schema.const])].map(String);
}

function isValue(value: unknown): value is Value {
  return ["string", "number", "boolean"].includes(typeof value);
}

function bounds(schema: Schema): Bounds {
  return {
    whole: schema.type === "integer",
    low: schema.minimum ?? -Infinity,
    high: schema.maximum ?? Infinity,
    above: schema.exclusiveMinimum ?? -Infinity,
    below: schema.exclusiveMaximum ?? Infinity,
  };
}

/** What was typed, as the knob's value; null where nothing was, and the knob stays as it is. */
export function read(field: Field, text: string): Reading {
  const typed = text.trim();
  if (field.kind === "switch") return { value: typed === "true" };
  if (!typed) return null;
  if (field.words.includes(typed)) return { value: typed };
  const number = Number(typed.replace("−", "-"));
  if (field.numbers && Number.isFinite(number) && inside(field.numbers, number)) return { value: number };
  if (field.anything && fits(field.pattern, typed)) return { value: typed };
  if (field.anything) return { error: `${label(field.name)} must be ${field.hint || field.pattern}, not ${typed}.` };
  return { error: `${label(field.name)} must be ${must(field)}, not ${typed}.` };
}

function fits(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return true; // a pattern only Python can read: the server checks it
  }
}

function inside(bounds: Bounds, number: number): boolean {
  const { whole, low, high, above, below } = bounds;
  return (!whole || Number.isSafeInteger(number)) && number >= low && number <= high && number > above && number < below;
}

/** What a knob may be, in words. */
export function must(field: Field): string {
  const told = [...(field.numbers ? [numberIn(field.numbers)] : []), ...field.words];
  return told.length > 1 ? `${told.slice(0, -1).join(", ")} or ${told.at(-1)}` : (told[0] ?? "text");
}

function numberIn({ whole, low, high, above, below }: Bounds): string {
  const noun = whole ? "a whole number" : "a number";
  if (low > -Infinity && high < Infinity) return `${noun} from ${low} to ${high}`;
  const limits = [
    low > -Infinity ? `of at least ${low}` : above > -Infinity ? `above ${above}` : "",
    high < Infinity ? `of at most ${high}` : below < 2 ** 53 ? `below ${below}` : "",
  ].filter(Boolean);
  return [noun, limits.join(" and ")].filter(Boolean).join(" ");
}

/** The knobs that differ from how they are, and what is wrong, by name. */
export function collect(
  all: readonly Field[],
  texts: Readonly<Record<string, string>>,
): { values: Record<string, Value>; errors: Record<string, string> } {
  const values: Record<string, Value> = {};
  const errors: Record<string, string> = {};
  for (const one of all) {
    const reading = read(one, texts[one.name] ?? (one.kind === "switch" ? String(one.standard) : ""));
    if (reading && "error" in reading) errors[one.name] = reading.error;
    else if (reading && reading.value !== one.standard) values[one.name] = reading.value;
  }
  return { values, errors };
}

/** A name as words. */
export function label(name: string): string {
  return name.replace(/_/g, " ");
}
