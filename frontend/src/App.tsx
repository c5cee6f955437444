// The labeller's page: one desk, seen as the task at hand or as what was said so far.
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useState } from "preact/hooks";
import { Desk } from "./engine/desk";
import { aloneIn } from "./engine/lock";
import { openShelf } from "./engine/storage";
import { History } from "./history/History";
import { Actions, ActionsContext } from "./label/actions";
import { TaskView } from "./label/TaskView";
import { type Action, askedBy } from "./logic/keys";
import { messages } from "./messages";
import { Keys } from "./parts/Caps";
import { Ahead, End, Loading, Paused, SignedOut } from "./parts/End";
import { Header } from "./parts/Header";
import { NoticeLine, ReturnedLine, ToastLine, TroubleLine } from "./parts/Lines";
import { GuidelinesDialog, HelpDialog, ReturnedDialog } from "./parts/Panels";
import { useSettings } from "./settings";
import type { Kind, Question } from "./types";
import { useGuidelinesSeen } from "./useGuidelinesSeen";

type View = "label" | "history";
type Panel = "guidelines" | "help" | "returned";

export function App() {
  const desk = useDesk();
  const { state } = desk;
  const { me, task, guidelines, showing, returned } = state;
  const [view, setView] = useView(desk);
  const [panel, setPanel] = useState<Panel | null>(null);
  const [isTaskCovered, setTaskCovered] = useState(false);
  const [isRaw, setRaw] = useState(false);
  const [settings, change] = useSettings();
  const [hasSeen, setSeen] = useGuidelinesSeen(me?.id, guidelines?.hash);
  const opened = hasSeen || !task ? panel : "guidelines";
  const actions = useMemo(() => new Actions(), []);
  const isRevising = state.supersedes !== null;
  const kind = task?.kind ?? me?.question.kind ?? "pair";

  const act = useCallback((action: Action) => actions.ask(action), [actions]);
  useLayoutEffect(() => {
    actions.otherwise = ({ action }) => {
      if (action === "guidelines" || action === "help") {
        setPanel((now) => (now === action ? null : action));
      } else if (action === "history") {
        setView(view === "history" && !isRevising ? "label" : "history");
      } else if (action === "raw") {
        setRaw((now) => !now);
      } else if (action === "undo") {
        void desk.undo();
      }
      return true;
    };
  }, [actions, desk, view, setView, isRevising]);

  // Before the next paint: a key pressed at what is on screen must meet that very state.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const asked = askedBy(event, kind, settings.hasSingleKeys);
      const isFree = opened === null && !isTaskCovered;
      if (event.defaultPrevented) {
        return; // something nearer has taken it
      }
      if (asked && (isFree || (asked.action === opened && hasSeen))) {
        if (asked.action !== "cancel") {
          event.preventDefault();
        }
        actions.ask(asked.action, asked.digit);
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [actions, kind, settings.hasSingleKeys, opened, hasSeen, isTaskCovered]);

  if (state.phase === "signed_out") {
    return <SignedOut />;
  }
  if (!me || state.phase === "loading") {
    return (
      <>
        <TroubleLine text={state.trouble} />
        <Loading />
      </>
    );
  }
  const close = (closed: Panel) => {
    // Not what was opened in its place meanwhile.
    setPanel((now) => (now === closed ? null : now));
    if (closed === "guidelines") {
      setSeen();
    }
  };
  const isListing = view === "history" && !isRevising;
  const undo = () => void desk.undo();
  return (
    <ActionsContext.Provider value={actions}>
      <Keys.Provider value={{ kind, hasSingleKeys: settings.hasSingleKeys }}>
        <Header
          {...{ me, view, act }}
          progress={state.progress}
          waiting={state.waiting}
          isOffline={state.trouble !== null}
        />
        <TroubleLine text={state.trouble ?? (openShelf().isLasting ? null : messages.trouble.forgetful)} />
        <ReturnedLine count={returned.length} look={() => setPanel("returned")} />
        {!state.isPaused && <NoticeLine text={state.notice} read={() => setPanel("guidelines")} />}
        {isListing ? (
          <History desk={desk} leave={() => setView("label")} />
        ) : task ? (
          <TaskView
            key={showing}
            {...{ desk, task, isRaw }}
            question={questionOf(me.question, task.kind)}
            isCovered={opened !== null}
            setPanelOpen={setTaskCovered}
          />
        ) : state.isPaused ? (
          <Paused notice={state.notice} />
        ) : state.isWaiting ? (
          state.trouble ? <Ahead undo={undo} /> : <Loading />
        ) : (
          <End progress={state.progress} isAdmin={me.role === "admin"} undo={undo} />
        )}
        <ToastLine toast={state.toast} undo={undo} />
        {opened === "guidelines" && guidelines && (
          <GuidelinesDialog {...{ guidelines }} isNew={!hasSeen} close={() => close("guidelines")} />
        )}
        {opened === "help" && (
          <HelpDialog
            {...{ settings, change }}
            hasDimensions={me.question.dimensions.length > 0}
            close={() => close("help")}
          />
        )}
        {opened === "returned" && (
          <ReturnedDialog
            returned={returned}
            dismiss={(key) => {
              desk.dismissReturned(key);
              if (desk.state.returned.length === 0) {
                close("returned");
              }
            }}
            close={() => close("returned")}
          />
        )}
      </Keys.Provider>
    </ActionsContext.Provider>
  );
}

/** The project's question; a past task of another kind has the usual one of its kind. */
function questionOf(asked: Question, kind: Kind): Question {
  return asked.kind === kind
    ? asked
    : { ...asked, kind, text: messages.usualQuestion[kind], dimensions: [] };
}

function useDesk(): Desk {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const desk = useMemo(() => {
    const { shelf } = openShelf();
    return new Desk(shelf, aloneIn(shelf), () => document.visibilityState === "visible");
  }, []);
  useEffect(() => {
    const leave = desk.board.subscribe(() => redraw(0));
    const look = () => desk.setVisible(document.visibilityState === "visible");
    const hear = (event: StorageEvent) => {
      if (desk.state.me && event.key?.startsWith("rather.")) {
        desk.lookAtOutbox();
      }
    };
    document.addEventListener("visibilitychange", look);
    addEventListener("storage", hear);
    void desk.start();
    return () => {
      leave();
      document.removeEventListener("visibilitychange", look);
      removeEventListener("storage", hear);
    };
  }, [desk]);
  return desk;
}

/** The view is the address: the browser's back key works. */
function useView(desk: Desk): [View, (view: View) => void] {
  const [view, setView] = useState<View>(viewNow);
  useEffect(() => {
    const hear = () => setView(viewNow());
    addEventListener("popstate", hear);
    return () => removeEventListener("popstate", hear);
  }, []);
  const go = useCallback(
    (to: View) => {
      desk.stopRevising();
      if (to !== viewNow()) {
        history.pushState(null, "", to === "history" ? "/history" : "/");
      }
      setView(to);
      if (to === "label") {
        desk.reshow();
      }
    },
    [desk],
  );
  return [view, go];
}

function viewNow(): View {
  return location.pathname === "/history" ? "history" : "label";
}
