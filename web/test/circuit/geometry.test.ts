import { describe, expect, it } from "vitest";
import { outputs, products, reach, reads, type Side } from "../../src/circuit/geometry";

const side = (size: number, kernel: number, stride = 1, padding = 0, dilation = 1): Side => ({ size, kernel, stride, padding, dilation });

describe("a kernel over a side", () => {
  it("has as many outputs as PyTorch's formula says", () => {
    // floor((size + 2 padding − dilation (kernel − 1) − 1) / stride) + 1
    expect(outputs(side(7, 3))).toBe(5);
    expect(outputs(side(224, 7, 2, 3))).toBe(112);
    expect(outputs(side(5, 3, 2, 1))).toBe(3);
    expect(outputs(side(7, 3, 1, 2, 2))).toBe(7);
    expect(outputs(side(2, 5))).toBe(0);
  });

  it("reads what lies under it, padding outside", () => {
    expect(reads(side(5, 3, 2, 1), 0)).toEqual([-1, 0, 1]);
    expect(reads(side(5, 3, 2, 1), 2)).toEqual([3, 4, 5]);
    expect(reads(side(9, 3, 1, 0, 3), 1)).toEqual([1, 4, 7]);
    expect(reach(side(9, 3, 1, 0, 3))).toBe(7);
  });

  it("reaches the last input with its last output, or leaves fewer over than a stride", () => {
    for (let size = 3; size < 9; size += 1)
      for (let kernel = 1; kernel < 4; kernel += 1)
        for (let stride = 1; stride < 4; stride += 1)
          for (let padding = 0; padding < 3; padding += 1) {
            const one = side(size, kernel, stride, padding);
            const last = reads(one, outputs(one) - 1).at(-1) ?? 0;
            expect(size + padding - 1 - last).toBeGreaterThanOrEqual(0);
            expect(size + padding - 1 - last).toBeLessThan(stride);
          }
  });
});

it("multiplies number by number, and what lies outside counts nothing", () => {
  const map = { data: [1, 2, 3, 4], height: 2, width: 2 };
  const kernel = { data: [1, 10, 100, 1000], height: 2, width: 2 };
  const rows = side(2, 2, 1, 1);
  const total = (y: number, x: number) => products(map, kernel, rows, rows, y, x).reduce((sum, one) => sum + one.product, 0);
  expect(total(1, 1)).toBe(1 + 20 + 300 + 4000);
  expect(total(0, 0)).toBe(1000);
  expect(total(2, 1)).toBe(3 * 1 + 4 * 10);
  expect(products(map, kernel, rows, rows, 0, 0).filter((one) => one.padding)).toHaveLength(3);
});
