// The page: prompt on top, two answers, the decision bar; keys do everything.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { DecisionBar } from "./DecisionBar";
import { GuidelinesDialog, HelpDialog } from "./Dialogs";
import { End, SignedOut } from "./End";
import { Header } from "./Header";
import { actionFor, isChoice, type Action } from "./keys";
import { Answer, Prompt } from "./Texts";
import { ToastLine, TroubleLine } from "./Lines";
import type { Choice } from "./types";
import { useArmed } from "./useArmed";
import { useGuidelinesSeen } from "./useGuidelinesSeen";
import { useLabelling } from "./useLabelling";

export function App() {
  const { me, next, showing, chosen, toast, trouble, isSignedOut, ...desk } = useLabelling();
  const [panel, setPanel] = useState<"guidelines" | "help" | null>(null);
  const [hasSeen, setSeen] = useGuidelinesSeen(me?.id, next?.guidelines.hash);
  const opened = hasSeen || !next?.item_id ? panel : "guidelines";
  const { isArmed, hasSeenBoth, left, right, bar } = useArmed(showing, opened !== null || !me);
  const prompt = useRef<HTMLElement>(null);

  const act = useCallback(
    (action: Action) => {
      if (action === "guidelines" || action === "help") {
        setPanel((now) => (now === action ? null : action));
      } else if (isChoice(action)) {
        if (isArmed) {
          desk.judge(action);
        }
      } else if (action === "undo") {
        desk.undo();
      } else {
        desk.skip();
      }
    },
    [isArmed, desk.judge, desk.undo, desk.skip],
  );

  // Before the next paint: a key pressed at what is on screen must meet that very state.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const action = actionFor(event);
      const isPanelKey = action === "guidelines" || action === "help";
      if (action && (opened === null || (isPanelKey && hasSeen))) {
        event.preventDefault();
        act(action);
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [act, opened, hasSeen]);

  useEffect(() => {
    scrollTo(0, 0);
    // A screen reader goes on with the new prompt.
    prompt.current?.focus({ preventScroll: true });
  }, [showing]);

  if (isSignedOut) {
    return <SignedOut />;
  }
  if (!me || !next) {
    return <TroubleLine text={trouble} />;
  }
  const close = (closed: "guidelines" | "help") => {
    // Not what was opened in its place meanwhile.
    setPanel((now) => (now === closed ? null : now));
    if (closed === "guidelines") {
      setSeen();
    }
  };
  return (
    <>
      <Header me={me} progress={next.progress} act={act} />
      <TroubleLine text={trouble} />
      {next.left && next.right ? (
        <>
          <main>
            <h1 class="hidden">Which answer would you rather have?</h1>
            <Prompt turns={next.prompt} focus={prompt} />
            <div class="answers">
              <Answer name="A" answer={next.left} mark={markOf("A", chosen)} shown={left} />
              <Answer name="B" answer={next.right} mark={markOf("B", chosen)} shown={right} />
            </div>
          </main>
          <DecisionBar
            chosen={chosen}
            isArmed={isArmed}
            hasSeenBoth={hasSeenBoth}
            act={act}
            frame={bar}
          />
        </>
      ) : (
        <End progress={next.progress} undo={desk.undo} />
      )}
      <ToastLine toast={toast} undo={desk.undo} />
      {opened === "guidelines" && (
        <GuidelinesDialog
          guidelines={next.guidelines}
          isNew={!hasSeen}
          close={() => close("guidelines")}
        />
      )}
      {opened === "help" && <HelpDialog close={() => close("help")} />}
    </>
  );
}

function markOf(name: "A" | "B", chosen: Choice | null) {
  if (chosen === null) {
    return "";
  }
  if (chosen === "tie") {
    return "equal";
  }
  if (chosen === "both_bad") {
    return "bad";
  }
  return chosen === name ? "chosen" : "passed";
}
