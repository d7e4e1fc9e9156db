/** The colors of the page's theme that a canvas needs, kept at what the page has. */
import { computed, signal } from "@preact/signals";
import * as app from "../../store/state";
import { pixelOf } from "./inks";

const wantsDark = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(wantsDark.matches);
wantsDark.addEventListener("change", () => (systemDark.value = wantsDark.matches));

export const dark = computed(() => (app.theme.value === "auto" ? systemDark.value : app.theme.value === "dark"));
/** Behind the marks, as a pixel; `--panel` and `--accent` of theme.css. */
export const paper = computed(() => pixelOf(dark.value ? 0x15191d : 0xffffff));
export const accent = computed(() => (dark.value ? "#74b5f5" : "#0a5fb4"));
