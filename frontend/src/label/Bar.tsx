// The decisions, fixed at the bottom, each button showing its keys.
import type { ComponentChildren } from "preact";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Action } from "../logic/keys";
import { messages } from "../messages";
import { Caps } from "../parts/Caps";
import { ActionsContext } from "./actions";
import type { Armed } from "./useArmed";

interface BarProps {
  armed: Armed;
  numAnswers: number;
  /** The question, or what is still missing. */
  hint: string;
  /** Whether a better answer can be suggested. */
  canSuggest: boolean;
  isRaw: boolean;
  children: ComponentChildren;
}

export function Bar({ armed, numAnswers, hint, canSuggest, isRaw, children }: BarProps) {
  const phase = armed.isArmed ? "armed" : armed.hasSeenAll ? "arming" : "unseen";
  const scroll = messages.hints.scroll(numAnswers);
  const frame = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const bar = frame.current;
    if (!bar) {
      return;
    }
    const observer = new ResizeObserver(() => announceHeight(bar));
    observer.observe(bar);
    return () => observer.disconnect();
  }, []);
  return (
    <footer class={`bar ${phase}`} ref={frame}>
      <div class="progressing" aria-hidden="true" />
      <p class="hint">{armed.hasSeenAll || numAnswers === 0 ? hint : scroll}</p>
      {children}
      <Asides canSuggest={canSuggest} isRaw={isRaw} />
    </footer>
  );
}

/** The style sheet keeps the toast and what has the focus clear of the bar. */
function announceHeight(bar: HTMLElement): void {
  const covered = getComputedStyle(bar).position === "fixed" ? bar.offsetHeight : 0;
  document.documentElement.style.setProperty("--bar-height", `${covered}px`);
}

function Asides({ canSuggest, isRaw }: { canSuggest: boolean; isRaw: boolean }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div class={`asides ${isOpen ? "open" : ""}`}>
      <Aside action="undo" says={messages.undo} />
      <Aside action="skip" says={messages.skip.open} />
      <Aside action="comment" says={messages.comment.open} />
      <button
        type="button"
        class="quiet unfold"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {messages.more}
      </button>
      <Aside action="flag" says={messages.flag.open} isFolded />
      {canSuggest && <Aside action="edit" says={messages.suggest.open} isFolded />}
      <Aside action="raw" says={isRaw ? messages.raw.off : messages.raw.on} isFolded />
    </div>
  );
}

interface AsideProps {
  action: Action;
  says: string;
  isFolded?: boolean;
}

function Aside({ action, says, isFolded = false }: AsideProps) {
  const actions = useContext(ActionsContext);
  return (
    <button
      type="button"
      class={`quiet ${isFolded ? "folded" : ""}`}
      onClick={() => actions.ask(action)}
    >
      {says} <Caps of={action} />
    </button>
  );
}

interface DecisionProps {
  action: Action;
  says: string;
  isPicked: boolean;
  isOn: boolean;
  /** Where it differs from the action's. */
  caps?: ComponentChildren;
  press: () => void;
}

/** One decision; off, it can still be reached, or a screen reader would not know of it. */
export function Decision({ action, says, isPicked, isOn, caps, press }: DecisionProps) {
  return (
    <button
      type="button"
      class={`decision ${action} ${isPicked ? "picked" : ""}`}
      aria-disabled={!isOn}
      aria-pressed={isPicked}
      onClick={press}
    >
      {isPicked && <span aria-hidden="true">✓</span>}
      {says} {caps ?? <Caps of={action} />}
    </button>
  );
}
