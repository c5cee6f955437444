// Which of two answers: A, B, tie or both bad; how much, and on which counts, where asked.
import { useState } from "preact/hooks";
import type { PairSaid } from "../contract";
import type { Asked } from "../logic/keys";
import { messages } from "../messages";
import { CapList } from "../parts/Caps";
import { Answer, type Mark } from "../parts/Texts";
import type { Choice } from "../types";
import { useActions } from "./actions";
import { Bar, Decision } from "./Bar";
import { Below } from "./Below";
import { Dimensions, type DimensionsSaid, sideOf } from "./Dimensions";
import { saidAs, type TaskProps } from "./shared";

/** As on screen: A under the left answer, B under the right one. */
const ORDER: readonly Choice[] = ["A", "tie", "both_bad", "B"];
const STRENGTHS = [1, 2, 3] as const;
type Better = "A" | "B";

export function PairTask(props: TaskProps) {
  const { task, question, armed, isRaw, said, say, collapsed } = props;
  const given = saidAs("pair", task.given?.said);
  const [better, setBetter] = useState<Better | null>(null);
  const [dimensions, setDimensions] = useState<DimensionsSaid>(given?.dimensions ?? {});
  const [active, setActive] = useState<number | null>(null);
  const just = saidAs("pair", said);
  const picked = just?.choice ?? given?.choice ?? null;

  const judge = (choice: Choice, strength: number | null) =>
    say({ kind: "pair", choice, strength, dimensions });

  const choose = (choice: Choice, strength: number | null) => {
    if (!armed.isArmed) {
      return;
    }
    if (question.ask_strength && strength === null && (choice === "A" || choice === "B")) {
      setBetter(choice);
    } else {
      judge(choice, strength);
    }
  };

  const setSide = (place: number, side: DimensionsSaid[string] | null) => {
    const name = question.dimensions[place] ?? "";
    const { [name]: _, ...others } = dimensions;
    setDimensions(side === null ? others : { ...others, [name]: side });
  };

  const inDimensions = ({ action, digit }: Asked): boolean => {
    const count = question.dimensions.length;
    if (action === "dimensions" && count > 0) {
      setActive(active === null ? 0 : active + 1 < count ? active + 1 : null);
      return true;
    }
    if (active === null) {
      return false;
    }
    const side = sideOf(digit);
    if (action === "cancel" || side) {
      if (side) {
        setSide(active, side);
      }
      setActive(side && active + 1 < count ? active + 1 : null);
      return true;
    }
    return false;
  };

  const inStrength = ({ action, digit }: Asked): boolean => {
    if (better === null) {
      return false;
    }
    if (action === "cancel" || action === "undo") {
      setBetter(null);
      return true;
    }
    if (digit !== null && digit <= 3) {
      judge(better, digit || null);
      return true;
    }
    return false;
  };

  useActions((asked) => {
    if (inDimensions(asked) || inStrength(asked)) {
      return true;
    }
    const { action } = asked;
    if (action === "A" || action === "B" || action === "tie" || action === "both_bad") {
      choose(action, null);
      return true;
    }
    if (action === "much_A" || action === "much_B") {
      choose(action === "much_A" ? "A" : "B", 3);
      return true;
    }
    return false;
  });

  const [left, right] = task.answers;
  return (
    <>
      <div class={`answers two ${collapsed.isCollapsed ? "collapsed" : ""}`}>
        {left && <Answer letter="A" answer={left} isRaw={isRaw} mark={markOf("A", picked)} />}
        {right && <Answer letter="B" answer={right} isRaw={isRaw} mark={markOf("B", picked)} />}
      </div>
      <Dimensions names={question.dimensions} said={dimensions} active={active} set={setSide} />
      <Below {...props} />
      <Bar
        armed={armed}
        numAnswers={2}
        hint={better ? messages.strength.question(better) : question.text}
        canSuggest
        isRaw={isRaw}
      >
        {better === null || just ? (
          <Choices picked={picked} isOn={armed.isArmed} choose={(one) => choose(one, null)} />
        ) : (
          <Strengths
            picked={given?.choice === better ? given.strength : null}
            judge={(strength) => judge(better, strength)}
            cancel={() => setBetter(null)}
          />
        )}
      </Bar>
    </>
  );
}

interface ChoicesProps {
  picked: Choice | null;
  isOn: boolean;
  choose: (choice: Choice) => void;
}

function Choices({ picked, isOn, choose }: ChoicesProps) {
  return (
    <div class="decisions four" role="group" aria-label={messages.usualQuestion.pair}>
      {ORDER.map((choice) => (
        <Decision
          key={choice}
          action={choice}
          says={messages.choice[choice]}
          isPicked={picked === choice}
          isOn={isOn}
          press={() => choose(choice)}
        />
      ))}
    </div>
  );
}

interface StrengthsProps {
  picked: PairSaid["strength"];
  judge: (strength: number | null) => void;
  cancel: () => void;
}

function Strengths({ picked, judge, cancel }: StrengthsProps) {
  const says = messages.strength;
  return (
    <div class="decisions five">
      {STRENGTHS.map((strength) => (
        <Decision
          key={strength}
          action="rank"
          says={says[strength]}
          isPicked={picked === strength}
          isOn
          caps={<CapList caps={[String(strength)]} />}
          press={() => judge(strength)}
        />
      ))}
      <Decision
        action="submit"
        says={says.without}
        isPicked={false}
        isOn
        caps={<CapList caps={["0"]} />}
        press={() => judge(null)}
      />
      <Decision action="cancel" says={says.cancel} isPicked={false} isOn press={cancel} />
    </div>
  );
}

function markOf(name: Better, picked: Choice | null): Mark {
  if (picked === null) {
    return "";
  }
  if (picked === "tie") {
    return "equal";
  }
  if (picked === "both_bad") {
    return "bad";
  }
  return picked === name ? "chosen" : "passed";
}
