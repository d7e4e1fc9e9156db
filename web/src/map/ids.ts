/** The ids of marks, asked for as they are needed. */
import { signal } from "@preact/signals";
import { newest } from "../store/newest";
import { readyHost, report } from "../store/requests";
import * as state from "./state";

const known = signal<{ of: string; ids: Map<number, string> }>({ of: "", ids: new Map() });

const fetchIds = newest<number[]>(async (numbers) => {
  const digest = state.header.value?.digest;
  if (!digest) return;
  try {
    const found = await readyHost().call("map_ids", { digest, numbers });
    const before = known.value.of === digest ? known.value.ids : [];
    known.value = { of: digest, ids: new Map([...before, ...numbers.map((mark, i): [number, string] => [mark, found.ids[i] ?? ""])]) };
  } catch (error) {
    report(error);
  }
});

/** The ids of marks; a number where it is not there yet, and then it is asked for. */
export function idsOf(marks: readonly number[]): string[] {
  const ids = known.value.of === state.header.value?.digest ? known.value.ids : null;
  const missing = marks.filter((mark) => mark >= 0 && !ids?.has(mark));
  if (missing.length) queueMicrotask(() => void fetchIds(missing));
  return marks.map((mark) => ids?.get(mark) ?? `image ${mark}`);
}

/** An id and a class, for the reader. */
export function told(id: string, label: string): string {
  return label ? `${id}, class ${label}` : id;
}

/** The id and class of a mark, once they are known. */
export async function tell(mark: number): Promise<string> {
  const digest = state.header.value?.digest;
  if (!digest || mark < 0) return "";
  const { ids } = await readyHost().call("map_ids", { digest, numbers: [mark] });
  return told(ids[0] ?? `image ${mark}`, state.classOf(mark));
}
