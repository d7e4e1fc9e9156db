import { expect, test, vi } from "vitest";
import { fetchPicture, isAddress } from "../../src/input/image_address";
import { explained } from "../../src/input/camera";
import { sent } from "../../src/input/stretch";
import { newest } from "../../src/store/newest";

const answer = (type: string, status = 200) => Promise.resolve(new Response(new Blob(["x"], { type }), { status, headers: { "Content-Type": type } }));

test("the picture at an address is fetched without cookies or referrer, and named after it", async () => {
  const get = vi.fn<typeof fetch>(() => answer("image/png"));
  const { data, name } = await fetchPicture(" https://a.test/cats/grey%20cat.png?size=2 ", get);
  expect([data.type, name]).toEqual(["image/png", "grey cat.png"]);
  expect(get.mock.calls[0]?.[1]).toMatchObject({ mode: "cors", credentials: "omit", referrerPolicy: "no-referrer" });
});

test.each([
  ["a site that does not let pages read it", () => Promise.reject(new TypeError("Failed to fetch")), "does not let pages read its pictures"],
  ["a page instead of a picture", () => answer("text/html"), "must be that of a picture, not of text/html"],
  ["nothing there", () => answer("image/png", 404), "the site answers 404"],
])("%s is refused in a sentence", async (_, get, words) => {
  await expect(fetchPicture("https://a.test/cat.png", get)).rejects.toThrow(words);
});

test.each(["", "cat.png", "file:///etc/passwd", "javascript:alert(1)", "data:image/png;base64,AA=="])("%s is no address, and nothing is fetched", async (text) => {
  const get = vi.fn<typeof fetch>();
  expect(isAddress(text)).toBe(false);
  await expect(fetchPicture(text, get)).rejects.toThrow("must begin with http");
  expect(get).not.toHaveBeenCalled();
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

test("a camera's frame is sent no larger than it has to be, its shape kept, and never enlarged", () => {
  expect(sent(640, 480, [224, 224])).toEqual([448, 336]);
  expect(sent(480, 640, [224, 224])).toEqual([336, 448]);
  expect(sent(320, 240, [224, 224])).toEqual([320, 240]);
  expect(sent(640, 480, [28, 28])).toEqual([56, 42]);
});

test("each reason why there is no camera has its sentence and another way", () => {
  const told = ["NotAllowedError", "NotFoundError", "NotReadableError", "InsecureContext"].map((name) => explained(new DOMException("", name)));
  expect(new Set(told).size).toBe(4);
  for (const sentence of [...told, explained(new Error("odd"))]) expect(sentence).toContain("A picture file");
});
