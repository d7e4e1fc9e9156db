import { expect, test, vi } from "vitest";
import { newest } from "../../src/store/newest";

function gated() {
  const asked: number[] = [];
  const doors: (() => void)[] = [];
  const say = newest<number>(async (ask) => {
    asked.push(ask);
    await new Promise<void>((open) => doors.push(open));
  });
  const open = async () => {
    doors.shift()!();
    await new Promise((next) => setTimeout(next));
  };
  return { asked, say, open };
}

test("one runs, and of those that wait only the newest follows", async () => {
  const { asked, say, open } = gated();
  for (const ask of [1, 2, 3, 4]) void say(ask);
  expect(asked).toEqual([1]);
  await open();
  expect(asked).toEqual([1, 4]);
  await open();
  expect(asked).toEqual([1, 4]);
});

test("after a pause the next one runs at once", async () => {
  const { asked, say, open } = gated();
  void say(1);
  await open();
  void say(2);
  expect(asked).toEqual([1, 2]);
});

test("of the frames that come while one is on its way only the newest is sent", async () => {
  const done: (() => void)[] = [];
  const frames: number[] = [];
  const send = newest<number>((frame) => {
    frames.push(frame);
    return new Promise((finish) => done.push(finish));
  });
  const all = send(0);
  for (const frame of [1, 2, 3]) void send(frame);
  expect(frames).toEqual([0]);
  done[0]?.();
  await vi.waitFor(() => expect(frames).toEqual([0, 3]));
  done[1]?.();
  await all;
  expect(frames).toEqual([0, 3]);
});
