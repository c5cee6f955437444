// A change, word by word: struck out and underlined, so that it needs no colour.
import { useMemo } from "preact/hooks";
import { wordDiff } from "../logic/diff";
import { messages } from "../messages";

interface Change {
  before: string;
  after: string;
}

export function Diff({ before, after }: Change) {
  const says = messages.writing;
  return (
    <section class="diff" aria-label={says.diff}>
      <h3>{says.diff}</h3>
      {before === after ? (
        <p class="aside">{says.nothingYet}</p>
      ) : (
        <Pieces before={before} after={after} />
      )}
    </section>
  );
}

/** The text itself, with what is gone and what is new; a screen reader is told which. */
export function Pieces({ before, after }: Change) {
  const pieces = useMemo(() => wordDiff(before, after), [before, after]);
  const says = messages.writing;
  return (
    <p class="pieces" dir="auto">
      {pieces.map(({ text, how }, place) =>
        how === "same" ? (
          <span key={place}>{text}</span>
        ) : how === "added" ? (
          <ins key={place}>
            <span class="hidden">[{says.added}: </span>
            {text}
            <span class="hidden">]</span>
          </ins>
        ) : (
          <del key={place}>
            <span class="hidden">[{says.removed}: </span>
            {text}
            <span class="hidden">]</span>
          </del>
        ),
      )}
    </p>
  );
}
