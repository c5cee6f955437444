// What was changed between two texts, word by word.
import { diffWordsWithSpace } from "diff";

export interface Piece {
  text: string;
  how: "same" | "added" | "removed";
}

/** Above this, finding the shortest change would make typing slow. */
const MAX_CHARACTERS = 60_000;
const MAX_EDITS = 2000;

/** The pieces in order; a text too long or too different is one removal and one addition. */
export function wordDiff(before: string, after: string): Piece[] {
  if (before === after) {
    return before ? [{ text: before, how: "same" }] : [];
  }
  const changes =
    before.length + after.length > MAX_CHARACTERS
      ? undefined
      : diffWordsWithSpace(before, after, { maxEditLength: MAX_EDITS });
  if (!changes) {
    const pieces: Piece[] = [
      { text: before, how: "removed" },
      { text: after, how: "added" },
    ];
    return pieces.filter((piece) => piece.text);
  }
  return changes.map(({ value, added, removed }) => ({
    text: value,
    how: added ? "added" : removed ? "removed" : "same",
  }));
}
