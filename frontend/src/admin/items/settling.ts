// The answer an admin puts in the judges' place: what a key does to it, when it is complete.
import type { Choice, Kind, Said } from "../types";

export type Settling =
  | { kind: "pair"; choice: Choice | null }
  | { kind: "ranking"; ranks: (number | null)[]; at: number }
  | { kind: "thumb"; is_good: boolean | null };

/** An empty answer of that kind; null for kinds about which nobody can differ. */
export function emptyOf(kind: Kind, numAnswers: number): Settling | null {
  switch (kind) {
    case "pair":
      return { kind, choice: null };
    case "ranking":
      return { kind, ranks: Array<null>(numAnswers).fill(null), at: 0 };
    case "thumb":
      return { kind, is_good: null };
    default:
      return null;
  }
}

const CHOICES: Record<string, Choice> = {
  "1": "A",
  arrowleft: "A",
  "2": "B",
  arrowright: "B",
  "3": "tie",
  "0": "tie",
  "4": "both_bad",
};

/** The answer after a key; the same object where the key means nothing here. */
export function pressed(now: Settling, key: string): Settling {
  if (now.kind === "pair") {
    const choice = CHOICES[key];
    return choice ? { ...now, choice } : now;
  }
  if (now.kind === "thumb") {
    return key === "1" || key === "2" ? { ...now, is_good: key === "1" } : now;
  }
  return rankingPressed(now, key);
}

function rankingPressed(now: Extract<Settling, { kind: "ranking" }>, key: string): Settling {
  const last = now.ranks.length - 1;
  if (key === "arrowright" || key === "arrowleft") {
    const at = now.at + (key === "arrowright" ? 1 : -1);
    return { ...now, at: Math.min(Math.max(at, 0), last) };
  }
  const rank = Number(key);
  if (!/^[1-9]$/.test(key) || rank > now.ranks.length) {
    return now;
  }
  return ranked(now, now.at, rank);
}

/** Answer `place` gets a rank, and the next one is asked about. */
export function ranked(
  now: Extract<Settling, { kind: "ranking" }>,
  place: number,
  rank: number,
): Settling {
  const ranks = now.ranks.map((old, at) => (at === place ? rank : old));
  return { ...now, ranks, at: Math.min(place + 1, ranks.length - 1) };
}

/** What is sent, in the order of the item's answers; null while something is missing. */
export function saidOf(now: Settling): Said | null {
  if (now.kind === "pair") {
    const { kind, choice } = now;
    return choice && { kind, choice, strength: null, dimensions: {} };
  }
  if (now.kind === "thumb") {
    return now.is_good === null ? null : { kind: "thumb", is_good: now.is_good };
  }
  const ranks = now.ranks.filter((rank) => rank !== null);
  return ranks.length < now.ranks.length ? null : { kind: "ranking", ranks };
}
