// What changed between two texts, word by word: a shortest edit script over words and spaces.

export interface Part {
  what: "same" | "gone" | "new";
  text: string;
}

/** Beyond that many words that differ, the whole middle is told as replaced. */
const MAX_WORDS = 2000;

export function wordDiff(before: string, after: string): Part[] {
  const [a, b] = [wordsOf(before), wordsOf(after)];
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) {
    start += 1;
  }
  let end = 0;
  const most = Math.min(a.length, b.length) - start;
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end += 1;
  }
  const parts: Part[] = a.slice(0, start).map((text) => ({ what: "same", text }));
  const middle = [a.slice(start, a.length - end), b.slice(start, b.length - end)] as const;
  parts.push(...middleOf(...middle));
  parts.push(...a.slice(a.length - end).map((text): Part => ({ what: "same", text })));
  return joined(parts);
}

function wordsOf(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_’']+|[^\s\p{L}\p{N}_’']/gu) ?? [];
}

function middleOf(a: readonly string[], b: readonly string[]): Part[] {
  const gone = a.map((text): Part => ({ what: "gone", text }));
  const fresh = b.map((text): Part => ({ what: "new", text }));
  if (a.length === 0 || b.length === 0 || a.length > MAX_WORDS || b.length > MAX_WORDS) {
    return [...gone, ...fresh];
  }
  return walked(a, b, lengthsOf(a, b));
}

/** `[i, j]`: words that `a` from i on and `b` from j on have in common, in order. */
function lengthsOf(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const [row, below] = [table[i]!, table[i + 1]!];
    for (let j = b.length - 1; j >= 0; j -= 1) {
      row[j] = a[i] === b[j] ? below[j + 1]! + 1 : Math.max(below[j]!, row[j + 1]!);
    }
  }
  return table;
}

function walked(a: readonly string[], b: readonly string[], table: Uint16Array[]): Part[] {
  const parts: Part[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      parts.push({ what: "same", text: a[i]! });
      i += 1;
      j += 1;
    } else if (j === b.length || (i < a.length && table[i + 1]![j]! >= table[i]![j + 1]!)) {
      parts.push({ what: "gone", text: a[i]! });
      i += 1;
    } else {
      parts.push({ what: "new", text: b[j]! });
      j += 1;
    }
  }
  return parts;
}

/** Neighbours of one sort become one. */
function joined(parts: readonly Part[]): Part[] {
  const runs: Part[] = [];
  for (const { what, text } of parts) {
    const last = runs.at(-1);
    if (last?.what === what) {
      last.text += text;
    } else {
      runs.push({ what, text });
    }
  }
  return runs;
}
