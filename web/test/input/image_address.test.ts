import { expect, test, vi } from "vitest";
import { fetchPicture, isAddress } from "../../src/input/image_address";

const answer = (type: string, status = 200) =>
  Promise.resolve(new Response(new Blob(["x"], { type }), { status, headers: { "Content-Type": type } }));

test("the picture at an address is fetched without cookies or referrer, and named after it", async () => {
  const get = vi.fn<typeof fetch>(() => answer("image/png"));
  const { data, name } = await fetchPicture(" https://a.test/cats/grey%20cat.png?size=2 ", get);
  expect([data.type, name]).toEqual(["image/png", "grey cat.png"]);
  expect(get.mock.calls[0]?.[1]).toMatchObject({ mode: "cors", credentials: "omit", referrerPolicy: "no-referrer" });
});

test.each([
  [
    "a site that does not let pages read it",
    () => Promise.reject(new TypeError("Failed to fetch")),
    "does not let pages read its pictures",
  ],
  ["a page instead of a picture", () => answer("text/html"), "must be that of a picture, not of text/html"],
  ["nothing there", () => answer("image/png", 404), "the site answers 404"],
])("%s is refused in a sentence", async (_, get, words) => {
  await expect(fetchPicture("https://a.test/cat.png", get)).rejects.toThrow(words);
});

test.each(["", "cat.png", "file:///etc/passwd", "javascript:alert(1)", "data:image/png;base64,AA=="])(
  "%s is no address, and nothing is fetched",
  async (text) => {
    const get = vi.fn<typeof fetch>();
    expect(isAddress(text)).toBe(false);
    await expect(fetchPicture(text, get)).rejects.toThrow("must begin with http");
    expect(get).not.toHaveBeenCalled();
  },
);
