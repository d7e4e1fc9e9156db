/** The page of a training, whose code comes when it is first opened. */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";

const page = signal<ComponentType | null>(null);

export function LaterTrainingPage() {
  const Page = page.value;
  if (Page) return <Page />;
  void import("../training/page").then((found) => (page.value = found.TrainingPage));
  return <main class="waiting">Opening the training…</main>;
}
