// What somebody said, in words.

import { messages } from "../messages";
import { letterOf, tiers } from "./ranking";
import type { Said } from "../types";

const SHORT = 80;

/** One line for the history: "A is better (much)", "B > A = C", "Good", the text's beginning. */
export function inWords(said: Said): string {
  switch (said.kind) {
    case "pair": {
      const strength = said.strength as 1 | 2 | 3 | null;
      const words = messages.choice[said.choice];
      return strength ? `${words} (${messages.strength[strength].toLowerCase()})` : words;
    }
    case "ranking":
      return tiers(said.ranks)
        .ranked.filter((tier) => tier.length > 0)
        .map((tier) => tier.map(letterOf).join(" = "))
        .join(" > ");
    case "thumb":
      return said.is_good ? messages.thumb.good : messages.thumb.bad;
    case "demonstration":
    case "correction":
      return said.text.length > SHORT ? `${said.text.slice(0, SHORT)}…` : said.text;
  }
}
