// The header that says what an export left out, as lines for people.

/** Counts, or lists of counts, at any depth: "pairs.jsonl: a tie prefers neither answer: 3". */
export function leftOutLines(header: string | null): string[] {
  if (!header) {
    return [];
  }
  try {
    return linesOf(JSON.parse(header) as unknown, []);
  } catch {
    return [header];
  }
}

function linesOf(value: unknown, before: readonly string[]): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((one) => linesOf(one, before));
  }
  if (value !== null && typeof value === "object") {
    return Object.entries(value).flatMap(([name, inner]) => linesOf(inner, [...before, name]));
  }
  return value === 0 || value === null || value === "" ? [] : [[...before, String(value)].join(": ")];
}

/** The name in a Content-Disposition header, without any folder; null where there is none. */
export function fileNameOf(header: string | null): string | null {
  const name = /filename="?([^";]+)"?/i.exec(header ?? "")?.[1]?.trim();
  return name?.split(/[\\/]/).at(-1) || null;
}
