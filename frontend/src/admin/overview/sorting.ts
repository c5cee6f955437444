// Which order the labellers stand in; what cannot be computed comes last either way.
import type { Labelled } from "../types";

export type SortKey =
  | "name"
  | "judgments"
  | "gold"
  | "consistency"
  | "left_picks"
  | "median_ms"
  | "fast"
  | "skips"
  | "flags";

export interface Sorting {
  by: SortKey;
  isRising: boolean;
}

/** A second click on a column turns it round; numbers begin with the largest. */
export function sortedBy(now: Sorting, by: SortKey): Sorting {
  return { by, isRising: now.by === by ? !now.isRising : by === "name" };
}

export function sorted(people: readonly Labelled[], { by, isRising }: Sorting): Labelled[] {
  const sign = isRising ? 1 : -1;
  return [...people].sort((one, other) => {
    if (by === "name") {
      return sign * one.name.localeCompare(other.name);
    }
    const [a, b] = [valueOf(one, by), valueOf(other, by)];
    if (a === null || b === null) {
      return a === b ? 0 : a === null ? 1 : -1;
    }
    return sign * (a - b);
  });
}

function valueOf(person: Labelled, by: Exclude<SortKey, "name">): number | null {
  const value = person[by];
  return value !== null && typeof value === "object" ? value.value : value;
}
