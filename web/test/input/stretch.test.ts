import { expect, test } from "vitest";
import { sizeToSend } from "../../src/input/stretch";

test("a camera's frame is sent no larger than it has to be, its shape kept, and never enlarged", () => {
  expect(sizeToSend(640, 480, [224, 224])).toEqual([448, 336]);
  expect(sizeToSend(480, 640, [224, 224])).toEqual([336, 448]);
  expect(sizeToSend(320, 240, [224, 224])).toEqual([320, 240]);
  expect(sizeToSend(640, 480, [28, 28])).toEqual([56, 42]);
});
