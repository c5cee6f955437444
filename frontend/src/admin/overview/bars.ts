// Where the bars of a chart of days stand: pure, in units of a drawing of a given size.

export interface Bar {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One bar a value, the highest as high as the drawing; anything above nothing is visible. */
export function barsOf(values: readonly number[], width: number, height: number): Bar[] {
  const top = Math.max(...values, 1);
  const each = width / Math.max(values.length, 1);
  const gap = Math.min(each * 0.25, 4);
  return values.map((value, place) => {
    const tall = value === 0 ? 0 : Math.max((value / top) * height, 2);
    return { x: place * each + gap / 2, y: height - tall, width: each - gap, height: tall };
  });
}
