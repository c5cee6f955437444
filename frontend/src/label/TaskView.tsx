// One task: its prompt, what its kind needs, and the panels about it. Mounted anew per showing.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Task } from "../contract";
import type { Desk } from "../engine/desk";
import type { LocalDraft } from "../engine/drafts";
import { messages } from "../messages";
import { Prompt } from "../parts/Texts";
import type { Kind, Question } from "../types";
import { useActions } from "./actions";
import { PairTask } from "./PairTask";
import { RankingTask } from "./RankingTask";
import { RemarkDialog } from "./RemarkDialog";
import { SuggestDialog } from "./SuggestDialog";
import type { TaskProps } from "./shared";
import { ThumbTask } from "./ThumbTask";
import { useArmed } from "./useArmed";
import { useCollapsed } from "./useCollapsed";
import { WritingTask } from "./WritingTask";

const KINDS: Record<Kind, (props: TaskProps) => preact.JSX.Element> = {
  pair: PairTask,
  ranking: RankingTask,
  demonstration: WritingTask,
  correction: WritingTask,
  thumb: ThumbTask,
};

type Panel = "suggest" | "skip" | "flag";

interface Props {
  desk: Desk;
  task: Task;
  question: Question;
  isRaw: boolean;
  /** Something else lies over it. */
  isCovered: boolean;
  /** Said when one of its own panels opens or closes. */
  setPanelOpen: (isOpen: boolean) => void;
}

export function TaskView({ desk, task, question, isRaw, isCovered, setPanelOpen }: Props) {
  const { showing, said, supersedes } = desk.state;
  const [panel, setPanel] = useState<Panel | null>(null);
  const [draft, setDraft] = useState<LocalDraft>(() => begun(desk, task));
  const area = useRef<HTMLElement>(null);
  const prompt = useRef<HTMLElement>(null);
  const armed = useArmed(area, isCovered || panel !== null);
  const collapsed = useCollapsed(area);
  const canSuggest = task.kind !== "demonstration" && task.kind !== "correction";

  useActions(({ action }) => {
    if (action === "skip" || action === "flag") {
      // A past judgment is changed or left; it is not skipped.
      setPanel(supersedes === null && said === null ? action : null);
      return true;
    }
    if (action === "edit" && canSuggest && said === null) {
      setPanel("suggest");
      return true;
    }
    return false;
  });

  useLayoutEffect(() => setPanelOpen(panel !== null), [panel, setPanelOpen]);
  useLayoutEffect(() => () => setPanelOpen(false), [setPanelOpen]);
  useLayoutEffect(() => {
    scrollTo(0, 0);
    // A screen reader goes on with the new prompt.
    prompt.current?.focus({ preventScroll: true });
  }, []);

  const keep = (part: Partial<LocalDraft>) => {
    const after = { ...draft, ...part };
    setDraft(after);
    desk.keepDraft(after);
  };
  const close = () => setPanel(null);
  const Kind = KINDS[task.kind];
  return (
    <main ref={area}>
      <h1 class="hidden">{question.text}</h1>
      {supersedes !== null && <Revising desk={desk} />}
      <Prompt turns={task.prompt} isRaw={isRaw} focus={prompt} />
      <Kind
        {...{ task, question, armed, collapsed, isRaw, said, draft, keep }}
        say={(one) => desk.judge(showing, one, draft.comment)}
      />
      {panel === "suggest" && (
        <SuggestDialog
          {...{ task, draft, keep, close }}
          send={(text, place) => {
            if (desk.suggest(text, place)) {
              keep({ text: "" }); // the comment goes on waiting for the choice
              close();
            }
          }}
        />
      )}
      {(panel === "skip" || panel === "flag") && (
        <RemarkDialog
          what={panel}
          close={close}
          send={(reason, comment) => {
            close();
            desk.remark(panel, reason, comment);
          }}
        />
      )}
    </main>
  );
}

function Revising({ desk }: { desk: Desk }) {
  return (
    <p class="revising">
      {messages.history.revising}{" "}
      <button type="button" class="link" onClick={() => desk.stopRevising()}>
        {messages.history.cancel}
      </button>
    </p>
  );
}

/** What was begun about it, else (a past judgment) what was said then. */
function begun(desk: Desk, task: Task): LocalDraft {
  const draft = desk.draft();
  const { given } = task;
  if (!given || draft.text || draft.comment) {
    return draft;
  }
  const text = "text" in given.said ? given.said.text : "";
  return { ...draft, text, comment: given.comment };
}
