// Three to six answers in order: by digits, by the numbers on each, or by dragging; ties allowed.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { finished, letterOf, missing, noRanks, type Ranks, tiedWith, withRank } from "../logic/ranking";
import { messages } from "../messages";
import { Answer } from "../parts/Texts";
import { useActions } from "./actions";
import { Bar, Decision } from "./Bar";
import { Below } from "./Below";
import { RankStrip } from "./RankStrip";
import { saidAs, type TaskProps } from "./shared";

const says = messages.ranking;

export function RankingTask(props: TaskProps) {
  const { task, question, armed, isRaw, said, say, collapsed } = props;
  const count = task.answers.length;
  const [ranks, setRanks] = useState<Ranks>(
    () => saidAs("ranking", task.given?.said)?.ranks ?? noRanks(count),
  );
  const [current, setCurrent] = useState(0);
  const [heard, setHeard] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const hasMoved = useRef(false);

  const rank = (place: number, to: number | null) => {
    const after = withRank(ranks, place, to);
    setRanks(after);
    const letter = letterOf(place);
    setHeard(to === null ? says.removed(letter) : says.moved(letter, to, says.tied(tiedWith(after, place))));
  };
  const go = (place: number) => {
    hasMoved.current = true;
    setCurrent(place);
  };
  const submit = () => {
    const done = finished(ranks);
    if (armed.isArmed && done) {
      say({ kind: "ranking", ranks: done });
    }
  };

  useActions(({ action, digit }) => {
    switch (action) {
      case "next_answer":
        go(Math.min(count - 1, current + 1));
        return true;
      case "previous_answer":
        go(Math.max(0, current - 1));
        return true;
      case "rank":
        if (digit !== null && digit <= count) {
          rank(current, ranks[current] === digit ? null : digit);
        }
        return true;
      case "submit":
        submit();
        return true;
      default:
        return false;
    }
  });

  useLayoutEffect(() => {
    // A screen reader goes on with the answer; nothing moves before somebody asked for it.
    const answer = list.current?.querySelectorAll<HTMLElement>("[data-answer]")[current];
    if (hasMoved.current && answer) {
      answer.focus({ preventScroll: true });
      answer.scrollIntoView({ block: "nearest" });
    }
  }, [current]);

  const lacking = missing(ranks);
  const hint = lacking.length === 0 ? question.text : says.incomplete(lacking);
  return (
    <>
      <div
        ref={list}
        class={`answers many ${collapsed.isCollapsed ? "collapsed" : ""}`}
      >
        {task.answers.map((answer, place) => (
          <Answer
            key={place}
            letter={letterOf(place)}
            answer={answer}
            isRaw={isRaw}
            isCurrent={place === current}
          >
            <RankButtons
              letter={letterOf(place)}
              count={count}
              rank={ranks[place] ?? null}
              set={(to) => {
                setCurrent(place);
                rank(place, to);
              }}
            />
          </Answer>
        ))}
      </div>
      <p class="hidden" aria-live="polite">
        {heard}
      </p>
      <Below {...props} />
      <Bar armed={armed} numAnswers={count} hint={hint} canSuggest isRaw={isRaw}>
        <div class="decisions ranking">
          <RankStrip ranks={ranks} rank={rank} go={go} />
          <Decision
            action="submit"
            says={says.submit}
            isPicked={said !== null}
            isOn={armed.isArmed && lacking.length === 0}
            press={submit}
          />
        </div>
      </Bar>
    </>
  );
}

interface RankButtonsProps {
  letter: string;
  count: number;
  rank: number | null;
  set: (rank: number | null) => void;
}

function RankButtons({ letter, count, rank, set }: RankButtonsProps) {
  return (
    <div class="ranks">
      {Array.from({ length: count }, (_, place) => place + 1).map((one) => (
        <button
          key={one}
          type="button"
          class={`rank-of ${rank === one ? "picked" : ""}`}
          aria-label={says.rank(letter, one)}
          aria-pressed={rank === one}
          onClick={() => set(rank === one ? null : one)}
        >
          {one}
        </button>
      ))}
    </div>
  );
}
