import { expect, test } from "vitest";
import { blinking, stopBlinking, swap, swapped, toggleBlink } from "../../src/store/blink";

/** How often in a second the picture in sight changes, whoever presses what how often. */
function changes(press: (now: number) => void, from: number): number {
  const seen: string[] = [];
  for (let now = from; now < from + 1000; now += 10) {
    press(now);
    seen.push(`${blinking.value} ${swapped.value}`);
  }
  return seen.filter((each, i) => i > 0 && each !== seen[i - 1]).length;
}

test("no key that is held down makes pictures flash more than three times a second", () => {
  const most = 3; // a flash is there and back again: two changes
  expect(changes(swap, 0)).toBeLessThanOrEqual(most);
  expect(changes(toggleBlink, 2000)).toBeLessThanOrEqual(most);
  const both = (now: number) => (now % 20 ? swap(now) : toggleBlink(now));
  expect(changes(both, 4000)).toBeLessThanOrEqual(most);
});

test("blinking begins with this picture, and ends with it", () => {
  stopBlinking();
  toggleBlink(10_000);
  expect([blinking.value, swapped.value]).toEqual([true, false]);
  swap(11_000);
  expect(swapped.value).toBe(true);
  stopBlinking();
  expect([blinking.value, swapped.value]).toEqual([false, false]);
});
