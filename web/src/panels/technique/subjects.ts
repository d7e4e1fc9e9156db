/** What a technique is about, taken from what is selected unless the reader says otherwise. */
import type { TechniqueInfo } from "../../schema";
import * as state from "../../store/state";

export const BETWEEN = ";";
const SINGLE = ["project", "patches"]; // techniques of one unit alone

export interface Subject {
  name: string;
  /** What goes into the request: what was typed, else what is selected. */
  value: string;
  typed: string;
  standard: string;
  hint: string;
  /** Choices, where it is one of the things at hand. */
  options: [string, string][] | null;
  /** Whether it may be several of them, their ids with ; between. */
  several: boolean;
  /** Words for what cannot be chosen here; null where it can. */
  fixed: string | null;
  names: string[];
  missing: string;
}

export function subjectsOf(technique: TechniqueInfo, typed: Readonly<Record<string, string>>): Subject[] {
  return technique.subjects.filter((name) => name !== "net").map((name) => subject(technique.name, name, typed[name] ?? ""));
}

function subject(technique: string, name: string, typed: string): Subject {
  const bare = { name, typed, options: null, several: name === "style", fixed: null, names: [], missing: "", hint: "" };
  if (name === "image" || name === "content") return picture(bare, "the picture on screen", state.image.value);
  if (name === "style" || name === "changed") {
    const other = state.images.value.find((row) => row.id !== state.image.value);
    return picture(
      bare,
      other ? `${other.name}, the first that is not on screen` : "the picture on screen",
      (other ?? { id: state.image.value }).id,
    );
  }
  if (name === "scan") {
    const scan = state.scan.value;
    const missing = scan ? "" : "There is no scan yet: scan the images at hand first, under the selected unit.";
    return { ...bare, fixed: scan ? `the scan of ${scan.images} images` : "", value: "", standard: "", missing };
  }
  if (name === "source")
    return { ...bare, fixed: "the images the explorer was started with, else the bundled ones", value: "", standard: "" };
  if (name === "other") return otherNetwork(bare);
  if (name === "selection") return selection(bare);
  const layers = state.network.value?.layers.map((row) => row.name) ?? [];
  const standard = name === "layer" ? state.layer.value : state.unit.value;
  const names = name === "layer" ? layers : [];
  return { ...bare, names, standard, value: typed.trim() || standard, hint: hintOf(technique, name) };
}

/** Some of the images at hand, in words. */
function selection(bare: Omit<Subject, "value" | "standard">): Subject {
  const value = bare.typed.trim();
  const missing = value ? "" : "Say which images: a class, ids, or a condition.";
  const hint = "A class, ids of images with commas between them, or an SQL condition on id and class, such as class like 'n02%'.";
  return { ...bare, standard: "", value, missing, hint };
}

/** One of the networks on offer; left alone, the first that is not on screen. */
function otherNetwork(bare: Omit<Subject, "value" | "standard">): Subject {
  const names = state.session.value?.networks ?? [];
  const standard = names.find((each) => each !== state.network.value?.name) ?? "";
  const value = bare.typed.trim() || standard;
  const missing = value ? "" : "There is no other network here to compare with.";
  return { ...bare, names, standard, value, missing, hint: `One of ${names.join(", ")}.` };
}

/** One of the pictures at hand, or several; left alone, the usual one. */
function picture(bare: Omit<Subject, "value" | "standard">, standard: string, usual: string): Subject {
  const options = state.images.value.map((row): [string, string] => [row.id, row.name]);
  const there = bare.typed.split(BETWEEN).filter((one) => options.some(([id]) => id === one));
  const missing = options.length ? "" : "There is no picture yet: upload one.";
  return { ...bare, options: [["", standard], ...options], value: there.join(BETWEEN) || usual, standard, missing };
}

function hintOf(technique: string, name: string): string {
  const follows = "Left empty, it is what is selected.";
  if (technique === "maximize") return `${follows} Several with ; between them; or objectives: -1*UNIT, dream(LAYER), above(logits:CLASS).`;
  if (technique === "invert") return `${follows} Several with ; between them, or depth for a spread of them.`;
  if (technique === "dream") return `${follows} Or an objective, as for maximize.`;
  const sums = SINGLE.includes(technique) ? "" : " Or a sum: logits:CLASS - logits:CLASS.";
  return name === "unit" ? `${follows} LAYER:CHANNEL, LAYER:CHANNEL@Y,X or logits:CLASS.${sums}` : follows;
}
