// What somebody said, in terms of the answers as the item lists them.
import type { AdminAnswer, AdminJudgment, Said } from "../types";

const STRENGTHS = ["", "slightly", "clearly", "much"];

/** A judgment as a sentence; "Answer 2" is the item's second, wherever it stood on their screen. */
export function inWords(
  { said, shown }: Pick<AdminJudgment, "said" | "shown">,
  answers: readonly Pick<AdminAnswer, "completion_id">[],
): string {
  const name = (place: number) => nameOf(shown[place], answers);
  switch (said.kind) {
    case "pair":
      return pairInWords(said, name);
    case "ranking":
      return rankingInWords(said.ranks, name);
    case "thumb":
      return said.is_good ? "Good" : "Bad";
    case "demonstration":
      return "Wrote an answer";
    case "correction":
      return `Edited ${name(said.place)}`;
  }
}

function nameOf(id: string | undefined, answers: readonly { completion_id: string }[]): string {
  const place = answers.findIndex((answer) => answer.completion_id === id);
  return place < 0 ? "an answer that is not here" : `answer ${place + 1}`;
}

function pairInWords(
  said: Extract<Said, { kind: "pair" }>,
  name: (place: number) => string,
): string {
  const side = (choice: "A" | "B" | "tie") => (choice === "tie" ? "tie" : name(choice === "A" ? 0 : 1));
  const parts: string[] = [];
  if (said.choice === "both_bad") {
    parts.push("Both are bad");
  } else if (said.choice === "tie") {
    parts.push("A tie");
  } else {
    const strength = STRENGTHS[said.strength ?? 0];
    parts.push(`${capital(side(said.choice))} is ${strength ? `${strength} ` : ""}better`);
  }
  for (const [dimension, choice] of Object.entries(said.dimensions ?? {})) {
    parts.push(`${dimension}: ${side(choice)}`);
  }
  return parts.join("; ");
}

/** Best first; equal ranks are joined by "=". */
function rankingInWords(ranks: readonly number[], name: (place: number) => string): string {
  const levels = [...new Set(ranks)].sort((a, b) => a - b);
  const sentence = levels
    .map((level) => ranks.flatMap((rank, place) => (rank === level ? [name(place)] : [])).join(" = "))
    .join(" > ");
  return capital(sentence);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
