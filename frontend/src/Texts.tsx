// The prompt and the two answers. Their HTML was rendered and sanitised by the server.
import type { Ref } from "preact";
import type { Rendered, Turn } from "./types";

const SPEAKERS: Record<string, string> = {
  user: "User",
  assistant: "Assistant",
  system: "Instructions",
};

function Text({ of }: { of: Rendered }) {
  return <div class="text" dir="auto" dangerouslySetInnerHTML={{ __html: of.html }} />;
}

export function Prompt({ turns, focus }: { turns: Turn[]; focus: Ref<HTMLElement> }) {
  const isConversation = turns.length > 1;
  return (
    <section
      class={`prompt ${isConversation ? "conversation" : ""}`}
      aria-label="Prompt"
      tabIndex={-1}
      ref={focus}
    >
      {turns.map((turn, place) => (
        <div class={`turn ${turn.role === "user" ? "user" : "other"}`} key={place}>
          {isConversation && <p class="speaker">{SPEAKERS[turn.role] ?? turn.role}</p>}
          <Text of={turn} />
        </div>
      ))}
    </section>
  );
}

interface AnswerProps {
  name: "A" | "B";
  answer: Rendered;
  mark: "chosen" | "equal" | "bad" | "passed" | "";
  shown: Ref<HTMLElement>;
}

export function Answer({ name, answer, mark, shown }: AnswerProps) {
  return (
    <article class={`answer ${mark}`} aria-labelledby={`answer-${name}`} ref={shown}>
      <h2 id={`answer-${name}`}>Answer {name}</h2>
      <Text of={answer} />
    </article>
  );
}
