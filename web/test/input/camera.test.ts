import { expect, test } from "vitest";
import { explained } from "../../src/input/camera";

test("each reason why there is no camera has its sentence and another way", () => {
  const told = ["NotAllowedError", "NotFoundError", "NotReadableError", "InsecureContext"].map((name) =>
    explained(new DOMException("", name)),
  );
  expect(new Set(told).size).toBe(4);
  for (const sentence of [...told, explained(new Error("odd"))]) expect(sentence).toContain("A picture file");
});
