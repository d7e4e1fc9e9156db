/** How a kernel moves over a map: which places each output reads, and how many outputs there are along a side. */

/** Along one side: how long the input is, and how the kernel goes. */
export interface Side {
  size: number;
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
}

/** What the kernel covers of the input, with the gaps that dilation leaves. */
export function reach({ kernel, dilation }: Side): number {
  return dilation * (kernel - 1) + 1;
}

/** How many places the kernel fits at; none where it is longer than the padded input. */
export function outputs(side: Side): number {
  const room = side.size + 2 * side.padding - reach(side);
  return room < 0 ? 0 : Math.floor(room / side.stride) + 1;
}

/** The places of the input that output `at` reads; those below 0 and from `size` on are padding. */
export function reads(side: Side, at: number): number[] {
  return Array.from({ length: side.kernel }, (_, i) => at * side.stride - side.padding + i * side.dilation);
}

/** Numbers of a map in rows. */
export interface Plane {
  data: ArrayLike<number>;
  height: number;
  width: number;
}

export interface Product {
  y: number;
  x: number;
  weight: number;
  input: number;
  product: number;
  padding: boolean;
}

/** The products of a kernel and what it covers at an output, row by row. */
export function products(map: Plane, kernel: Plane, rows: Side, columns: Side, y: number, x: number): Product[] {
  const across = reads(columns, x);
  return reads(rows, y).flatMap((row, i) =>
    across.map((column, j) => {
      const padding = row < 0 || row >= map.height || column < 0 || column >= map.width;
      const input = padding ? 0 : (map.data[row * map.width + column] ?? 0);
      const weight = kernel.data[i * kernel.width + j] ?? 0;
      return { y: row, x: column, weight, input, product: weight * input, padding };
    }),
  );
}
