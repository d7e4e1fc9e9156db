/** What colors the marks now, and their legend. */
import { computed } from "@preact/signals";
import { mapPlace } from "../store/places/map_place";
import { type Inks, ofCategories, ofNothing, ofValues } from "./drawing/inks";
import { dark } from "./drawing/theme";
import * as state from "./state";

const WITHOUT = { class: "no class", prediction: "not known", error: "not known", split: "not known" } as const;

export const inks = computed<Inks>(() => {
  const [found, color, colors] = [state.map.value, mapPlace.value?.color ?? "class", state.colors.value];
  if (!found) return ofNothing(0, dark.value);
  if (color === "class" && found.arrays.classes) {
    return ofCategories(found.arrays.classes.data, found.header.classes, dark.value, WITHOUT.class);
  }
  const { codes, values } = colors?.arrays ?? {};
  if (colors && codes) return ofCategories(codes.data, colors.header.names, dark.value, WITHOUT.prediction);
  if (colors && values) return ofValues(values.data, colors.header, dark.value);
  return ofNothing(found.header.images, dark.value);
});

/** What a mark's color means, in words: never its color alone. */
export function meaningOf(mark: number): string {
  const [color, colors] = [mapPlace.value?.color ?? "class", state.colors.value];
  if (color === "class") return "";
  const code = colors?.arrays.codes?.data[mark] ?? -1;
  const value = colors?.arrays.values?.data[mark];
  if (value !== undefined) return `${color.replace("unit ", "")} ${Number.isNaN(value) ? "not known" : Number(value.toPrecision(3))}`;
  return colors ? `${color}: ${colors.header.names[code] ?? "not known"}` : "";
}
