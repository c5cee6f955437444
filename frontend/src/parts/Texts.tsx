// Texts of models and people. Their HTML was rendered and sanitised by the server.
import type { ComponentChildren, Ref } from "preact";
import type { Rendered, Turn } from "../contract";
import { messages } from "../messages";

/** Formatted, or raw with hidden characters made visible (by the server). */
export function Text({ of, isRaw }: { of: Rendered; isRaw: boolean }) {
  if (isRaw) {
    return (
      <pre class="text raw" dir="auto">
        {of.text}
      </pre>
    );
  }
  return <div class="text" dir="auto" dangerouslySetInnerHTML={{ __html: of.html }} />;
}

interface PromptProps {
  turns: Turn[];
  isRaw: boolean;
  focus: Ref<HTMLElement>;
}

export function Prompt({ turns, isRaw, focus }: PromptProps) {
  const isConversation = turns.length > 1;
  return (
    <section
      class={`prompt ${isConversation ? "conversation" : ""}`}
      aria-label={messages.prompt}
      tabIndex={-1}
      data-seen={turns.length > 0}
      ref={focus}
    >
      {turns.map((turn, place) => (
        <div class={`turn ${turn.role === "user" ? "user" : "other"}`} key={place}>
          {isConversation && (
            <p class="speaker">{messages.speakers[turn.role] ?? turn.role}</p>
          )}
          <Text of={turn} isRaw={isRaw} />
        </div>
      ))}
    </section>
  );
}

export type Mark = "chosen" | "equal" | "bad" | "passed" | "";

interface AnswerProps {
  /** A letter; null where there is only one answer. */
  letter: string | null;
  answer: Rendered;
  isRaw: boolean;
  mark?: Mark;
  isCurrent?: boolean;
  /** Beside the name: a ranking's numbers. */
  children?: ComponentChildren;
}

export function Answer({ letter, answer, isRaw, mark = "", isCurrent, children }: AnswerProps) {
  const id = `answer-${letter ?? "only"}`;
  return (
    <article
      class={`answer ${mark} ${isCurrent ? "current" : ""}`}
      aria-labelledby={id}
      aria-current={isCurrent ? "true" : undefined}
      tabIndex={-1}
      data-answer
    >
      <header>
        <h2 id={id}>{letter === null ? messages.answerOnly : messages.answer(letter)}</h2>
        {children}
      </header>
      <Text of={answer} isRaw={isRaw} />
    </article>
  );
}
