/** Which run is on screen, which beside it, and the step that is looked at: read from the page's address. */
import { trainingPlace } from "../store/places/training_place";

export interface TrainingPlace {
  /** The number of the run, and of the one beside it, -1 for none. */
  run: number;
  beside: number;
  /** The step that is looked at, -1 for what there is now. */
  at: number;
}

export function writeTraining(place: TrainingPlace): string {
  const rest = new URLSearchParams();
  for (const key of ["beside", "at"] as const) if (place[key] >= 0) rest.set(key, String(place[key]));
  return `#/training/${place.run}${rest.size ? `?${rest}` : ""}`;
}

/** The place a fragment means; values it may not have are as they begin. */
export function placeIn(hash: string): TrainingPlace {
  const match = /^#\/training(?:\/(\d*))?(?:\?(.*))?$/.exec(hash);
  const rest = new URLSearchParams(match?.[2] ?? "");
  const whole = (text: string | null) => (text && /^\d{1,9}$/.test(text) ? Number(text) : -1);
  return { run: Math.max(0, whole(match?.[1] ?? null)), beside: whole(rest.get("beside")), at: whole(rest.get("at")) };
}

/** Goes elsewhere within the trainings. */
export function move(change: Partial<TrainingPlace>): void {
  const here = trainingPlace.peek();
  if (here !== null) trainingPlace.value = writeTraining({ ...placeIn(here), ...change });
}
