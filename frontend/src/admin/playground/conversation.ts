// What was asked and answered so far, and what the next asking sends.
import type { ChatTurn, Column } from "../types";

export interface Round {
  id: string;
  asked: string;
  columns: Column[];
  isBlind: boolean;
  /** Number of the better answer; null before a choice. */
  picked: number | "tie" | "both_bad" | null;
  /** Better texts that were stored, by column. */
  corrected: Record<number, string>;
  /** The column from which the conversation goes on; null until one is chosen. */
  goOn: number | null;
}

export function roundOf(id: string, asked: string, columns: Column[], isBlind: boolean): Round {
  return { id, asked, columns, isBlind, picked: null, corrected: {}, goOn: null };
}

/** Every turn before the next one of the user; null while a round has no answer to go on from. */
export function turnsOf(rounds: readonly Round[]): ChatTurn[] | null {
  const turns: ChatTurn[] = [];
  for (const round of rounds) {
    const answer = round.goOn === null ? null : textOf(round, round.goOn);
    if (answer === null) {
      return null;
    }
    turns.push({ role: "user", content: round.asked }, { role: "assistant", content: answer });
  }
  return turns;
}

/** A column's text as it stands: the corrected one where there is one. */
export function textOf(round: Round, column: number): string | null {
  return round.corrected[column] ?? round.columns[column]?.raw ?? null;
}

/** Names stay hidden until a choice was made, whatever else the server has told by then. */
export function nameOf(round: Round, column: number): string | null {
  return round.isBlind && round.picked === null ? null : (round.columns[column]?.model ?? null);
}

/** The round after a choice: who answered is known, and the better one is gone on from. */
export function picked(
  round: Round,
  choice: number | "tie" | "both_bad",
  models: readonly string[],
): Round {
  const columns = round.columns.map((column, place) => ({
    ...column,
    model: models[place] ?? column.model,
  }));
  const goOn = typeof choice === "number" ? choice : round.goOn;
  return { ...round, columns, picked: choice, goOn };
}

/** What a key chooses among so many answers; null where it means nothing. */
export function choiceOf(key: string, numColumns: number): number | "tie" | null {
  if (key === "0") {
    return "tie";
  }
  const number = /^[1-4]$/.test(key) ? Number(key) : 0;
  return number >= 1 && number <= numColumns ? number - 1 : null;
}
