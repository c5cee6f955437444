// A word diff on screen: struck out and underlined, and said so to a screen reader.
import { wordDiff } from "./diff";

export function Diff({ before, after }: { before: string; after: string }) {
  return (
    <p class="diff" dir="auto">
      {wordDiff(before, after).map(({ what, text }, place) => {
        if (what === "same") {
          return <span key={place}>{text}</span>;
        }
        return what === "gone" ? (
          <del key={place}>
            <span class="hidden">[removed: </span>
            {text}
            <span class="hidden">]</span>
          </del>
        ) : (
          <ins key={place}>
            <span class="hidden">[added: </span>
            {text}
            <span class="hidden">]</span>
          </ins>
        );
      })}
    </p>
  );
}
