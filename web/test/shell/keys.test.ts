import { expect, test } from "vitest";
import { actingOn, KEYS } from "../../src/shell/keys";

const press = (key: string, single = true, more: object = {}) =>
  actingOn({ key, ctrlKey: false, metaKey: false, altKey: false, ...more }, single);

test("no key does two things", () => {
  const all = KEYS.flatMap((row) => row.keys);
  expect(new Set(all).size).toBe(all.length);
});

test.each([..."cfew0ijklIJKLuosbnmdaztT89h?", "ArrowLeft", "ArrowDown", "Escape"])("%s does something, as in the toolbox", (key) => {
  expect(press(key)?.text).toBeTruthy();
});

test("single keys can be switched off; keys that write nothing stay", () => {
  for (const key of "cfewsbd?J/0") expect(press(key, false)).toBeNull();
  for (const key of ["ArrowLeft", "Home", "PageDown", "Escape"]) expect(press(key, false)).not.toBeNull();
});

test("the browser's own shortcuts are left alone", () => {
  expect(press("c", true, { ctrlKey: true })).toBeNull();
  expect(press("ArrowLeft", true, { altKey: true })).toBeNull();
});
