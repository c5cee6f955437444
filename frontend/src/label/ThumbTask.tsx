// One answer: good or bad.
import { messages } from "../messages";
import { Answer } from "../parts/Texts";
import { useActions } from "./actions";
import { Bar, Decision } from "./Bar";
import { Below } from "./Below";
import { saidAs, type TaskProps } from "./shared";

export function ThumbTask(props: TaskProps) {
  const { task, question, armed, isRaw, said, say, collapsed } = props;
  const given = saidAs("thumb", task.given?.said);
  const isGood = (saidAs("thumb", said) ?? given)?.is_good ?? null;
  const judge = (good: boolean) => armed.isArmed && say({ kind: "thumb", is_good: good });

  useActions(({ action }) => {
    if (action === "good" || action === "bad") {
      judge(action === "good");
      return true;
    }
    return false;
  });

  const [answer] = task.answers;
  const mark = isGood === null ? "" : isGood ? "chosen" : "bad";
  return (
    <>
      <div class={`answers one ${collapsed.isCollapsed ? "collapsed" : ""}`}>
        {answer && <Answer letter={null} answer={answer} isRaw={isRaw} mark={mark} />}
      </div>
      <Below {...props} />
      <Bar armed={armed} numAnswers={1} hint={question.text} canSuggest isRaw={isRaw}>
        <div class="decisions pair" role="group" aria-label={messages.usualQuestion.thumb}>
          <Decision
            action="good"
            says={messages.thumb.good}
            isPicked={isGood === true}
            isOn={armed.isArmed}
            press={() => judge(true)}
          />
          <Decision
            action="bad"
            says={messages.thumb.bad}
            isPicked={isGood === false}
            isOn={armed.isArmed}
            press={() => judge(false)}
          />
        </div>
      </Bar>
    </>
  );
}
