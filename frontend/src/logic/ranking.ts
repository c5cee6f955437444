// Ranks of a few answers: 1 is best, equal numbers are ties, null is not ranked yet.

export type Ranks = readonly (number | null)[];

const LETTERS = "ABCDEF";

/** What answer number `place` is called on screen. */
export function letterOf(place: number): string {
  return LETTERS[place] ?? String(place + 1);
}

export function noRanks(count: number): Ranks {
  return Array.from({ length: count }, () => null);
}

/** Gives one answer a rank; a rank that does not exist changes nothing. */
export function withRank(ranks: Ranks, place: number, rank: number | null): Ranks {
  if (place < 0 || place >= ranks.length || (rank !== null && (rank < 1 || rank > ranks.length))) {
    return ranks;
  }
  return ranks.map((before, one) => (one === place ? rank : before));
}

/** One rank up (-1) or down (+1) within what exists; an unranked one comes in at the end. */
export function nudged(ranks: Ranks, place: number, by: -1 | 1): Ranks {
  const rank = ranks[place];
  if (rank === null || rank === undefined) {
    return withRank(ranks, place, by === 1 ? ranks.length : 1);
  }
  return withRank(ranks, place, Math.min(ranks.length, Math.max(1, rank + by)));
}

/** The answers at each rank from 1 on, and those without one. */
export function tiers(ranks: Ranks): { ranked: number[][]; unranked: number[] } {
  const ranked: number[][] = ranks.map(() => []);
  const unranked: number[] = [];
  ranks.forEach((rank, place) => {
    (rank === null ? unranked : (ranked[rank - 1] ?? unranked)).push(place);
  });
  return { ranked, unranked };
}

/** Letters of the answers that share this one's rank. */
export function tiedWith(ranks: Ranks, place: number): string[] {
  const rank = ranks[place];
  return ranks.flatMap((other, one) =>
    rank !== null && other === rank && one !== place ? [letterOf(one)] : [],
  );
}

/** Letters of the answers without a rank. */
export function missing(ranks: Ranks): string[] {
  return ranks.flatMap((rank, place) => (rank === null ? [letterOf(place)] : []));
}

/** As it is sent: without gaps (1, 1, 4 becomes 1, 1, 2); null while any answer has no rank. */
export function finished(ranks: Ranks): number[] | null {
  const given = ranks.filter((rank) => rank !== null);
  if (given.length < ranks.length) {
    return null;
  }
  const steps = [...new Set(given)].sort((one, other) => one - other);
  return given.map((rank) => steps.indexOf(rank) + 1);
}
