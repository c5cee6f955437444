// A curve as it is drawn: smoothed if wished, thinned to what the screen can show, with its gaps.
import { placeOf, type Scale } from "./scale";

/** A running mean that forgets; its start is not pulled towards nothing, gaps stay gaps. */
export function smoothed(values: readonly (number | null)[], weight = 0.9): (number | null)[] {
  let [mean, share] = [0, 0];
  return values.map((value) => {
    if (value === null) {
      return null;
    }
    mean = weight * mean + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return mean / share;
  });
}

export interface Frame {
  width: number;
  height: number;
  x: Scale;
  y: Scale;
}

/** An SVG path; where there are more points than pixels, each pixel keeps its extremes. */
export function pathOf(
  steps: readonly number[],
  values: readonly (number | null)[],
  { width, height, x, y }: Frame,
): string {
  const parts: string[] = [];
  let isDown = false;
  for (const place of kept(steps, values, x, width)) {
    const value = values[place] ?? null;
    if (value === null) {
      isDown = false;
      continue;
    }
    const left = placeOf(steps[place] ?? 0, x, width).toFixed(1);
    const top = (height - placeOf(value, y, height)).toFixed(1);
    parts.push(`${isDown ? "L" : "M"}${left} ${top}`);
    isDown = true;
  }
  // A point without neighbours would be a line without length.
  return parts.length === 1 ? `${parts[0]}h0.1` : parts.join("");
}

/** Places worth drawing: all, or of each pixel column its first, lowest, highest and last. */
export function kept(
  steps: readonly number[],
  values: readonly (number | null)[],
  x: Scale,
  width: number,
): number[] {
  if (steps.length <= width * 2) {
    return steps.map((_, place) => place);
  }
  const columns = new Map<number, Set<number>>();
  const extremes = new Map<number, [lowest: number, highest: number]>();
  steps.forEach((step, place) => {
    const column = Math.floor(placeOf(step, x, width));
    const value = values[place] ?? null;
    const of = columns.get(column);
    if (of === undefined) {
      columns.set(column, new Set([place]));
      extremes.set(column, [place, place]);
      return;
    }
    const found = extremes.get(column)!;
    if (value === null) {
      of.add(place);
    } else {
      found[0] = less(value, values[found[0]]) ? place : found[0];
      found[1] = less(values[found[1]], value) ? place : found[1];
    }
  });
  for (const [column, found] of extremes) {
    found.forEach((place) => columns.get(column)?.add(place));
  }
  columns.get(Math.floor(width))?.add(steps.length - 1);
  return [...columns.values()].flatMap((of) => [...of].sort((a, b) => a - b));
}

function less(a: number | null | undefined, b: number | null | undefined): boolean {
  return b === null || b === undefined || (a !== null && a !== undefined && a < b);
}
