// From numbers to places on a drawing, and round numbers for its axis.

export interface Scale {
  low: number;
  high: number;
}

/** The span of what is finite, a little wider where it is a single number. */
export function spanOf(values: Iterable<number | null>): Scale | null {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value !== null && Number.isFinite(value)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) {
    return null;
  }
  if (low === high) {
    const room = low === 0 ? 1 : Math.abs(low) * 0.1;
    return { low: low - room, high: high + room };
  }
  return { low, high };
}

/** Where a value stands between 0 and `size`. */
export function placeOf(value: number, { low, high }: Scale, size: number): number {
  return ((value - low) / (high - low)) * size;
}

/** At most about `most` round numbers within the span. */
export function ticksOf({ low, high }: Scale, most: number): number[] {
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((of) => of * power).find((of) => of >= rough) ?? 10 * power;
  const ticks: number[] = [];
  // By count, not by adding: a tenth added ten times is not one.
  for (let number = Math.ceil(low / step); number * step <= high + step * 1e-9; number += 1) {
    ticks.push(Number((number * step).toPrecision(12)));
  }
  return ticks;
}

/** Index of the step nearest to one, by halving; -1 where there is none. */
export function nearest(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((steps[middle] ?? 0) <= step) {
      low = middle;
    } else {
      high = middle;
    }
  }
  if (steps.length === 0) {
    return -1;
  }
  return Math.abs((steps[low] ?? 0) - step) <= Math.abs((steps[high] ?? 0) - step) ? low : high;
}
