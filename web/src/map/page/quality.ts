/** How far a map can be trusted, and how it was made, in plain words. */
import type { MapHeader } from "../../schema";

/** A number, what it is called, and what it says. */
export interface Fact {
  name: string;
  value: string;
  says: string;
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value.toFixed(value > 0 && value < 1 ? 1 : 0)} %`;
}

/** What is known of how well the map keeps what the layer holds. */
export function qualityOf(header: Pick<MapHeader, "quality" | "evidence" | "layer">): Fact[] {
  const { quality, evidence, layer } = header;
  const near = Number(evidence.quality_neighbors ?? 10);
  const chance = evidence.chance_recall;
  const facts: (Fact | false)[] = [
    has(quality.trustworthiness) && {
      name: "Trustworthiness",
      value: quality.trustworthiness!.toFixed(2),
      says: `of 1: how far those that are near here are near in ${layer}, too`,
    },
    has(quality.recall) && {
      name: "Recall",
      value: percent(quality.recall!),
      says: `of an image's ${near} nearest in ${layer} are among its ${near} nearest here${typeof chance === "number" ? ` (by chance ${percent(chance)})` : ""}`,
    },
    has(quality.hit) && { name: "Hit", value: percent(quality.hit!), says: `of an image's ${near} nearest here are of its class` },
    has(quality.centroid_recall) && {
      name: "Class recall",
      value: percent(quality.centroid_recall!),
      says: "of the classes nearest to a class in the layer are nearest here",
    },
  ];
  return facts.filter((fact) => fact !== false);
}

function has(value: number | null | undefined): boolean {
  return typeof value === "number";
}

/** The same in one line. */
export function inShort(facts: readonly Fact[]): string {
  return facts.map(({ name, value }) => `${name.toLowerCase()} ${value}`).join(" · ");
}

/** How it was made: method, perplexities, seed, and what it was made of. */
export function madeHow(header: Pick<MapHeader, "method" | "metric" | "evidence" | "dims">): string {
  const { method, metric, evidence, dims } = header;
  const perplexity = Array.isArray(evidence.perplexity) ? evidence.perplexity : [];
  const parts = [{ "t-sne": "t-SNE", tsne: "t-SNE", pca: "PCA", umap: "UMAP" }[method] ?? method];
  if (perplexity.length) parts.push(`perplexity ${perplexity.map((one) => Number(Number(one).toPrecision(3))).join(", ")}`);
  if ("seed" in evidence) parts.push(`seed ${evidence.seed}`);
  if (metric) parts.push(`distances ${metric}`);
  if ("components" in evidence && typeof evidence.variance_held === "number")
    parts.push(`${evidence.components} components hold ${percent(evidence.variance_held)} of the variance`);
  if (dims === 3) parts.push("x and y of three dimensions are shown");
  if ("partial" in evidence) parts.push(String(evidence.partial));
  return `${parts.filter(Boolean).join("; ")}.`;
}

/** What stands beside the step from one map to the next: its motion, and how much of it is chance. */
export function stepBetween(header: Pick<MapHeader, "control" | "snapshots" | "layer">, from: number): Fact[] {
  const { control, snapshots, layer } = header;
  const at = (name: string): number | undefined => (control[name] as number[] | undefined)?.[from];
  const [changed, correlation, removed] = ["neighbour_change", "rank_correlation", "procrustes"].map(at);
  const [one, two] = [snapshots[from] ?? "", snapshots[from + 1] ?? ""];
  const still = control.null_motion;
  const facts: (Fact | false)[] = [
    typeof still === "number" && {
      name: "Null motion",
      value: still.toPrecision(2),
      says: "radii is how far images move where nothing changes but rounding: what moves less than twice that says nothing",
    },
    has(changed) && {
      name: "New neighbors",
      value: percent(changed!),
      says: `of the nearest in ${layer} are others at ${two} than at ${one}`,
    },
    has(correlation) && {
      name: "Rank correlation",
      value: correlation!.toFixed(2).replace("-", "−"),
      says: "of how far images move with how many of their neighbors are new: at 1 motion means change, at 0 nothing",
    },
    has(removed) && { name: "Taken off", value: percent(removed!), says: "of the motion: turning, mirroring, scaling and shifting of all" },
  ];
  return facts.filter((fact) => fact !== false);
}
