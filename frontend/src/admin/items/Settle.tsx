// The admin's own answer to an item: the keys of labelling choose it, Enter stores it.
import { useCallback, useState } from "preact/hooks";
import { newKey, post } from "../api";
import { useCommands } from "../keys";
import { Trouble } from "../Parts";
import type { ItemReply } from "../types";
import { useAct } from "../useAct";
import { emptyOf, pressed, ranked, saidOf, type Settling } from "./settling";

interface Props {
  item: ItemReply;
  settled: (says: string) => void;
}

export function Settle({ item, settled }: Props) {
  const [now, setNow] = useState(() => emptyOf(item.kind, item.answers.length));
  const [comment, setComment] = useState("");
  const { isBusy, trouble, run } = useAct();
  // The same answer sent again is the same act; another answer is another.
  const [key, setKey] = useState(newKey);
  const change = useCallback((next: Settling) => {
    setNow(next);
    setKey(newKey());
  }, []);
  const said = now && saidOf(now);
  const store = useCallback(() => {
    if (said) {
      void run(async () => {
        const body = { said, comment, idempotency_key: key };
        await post(`/api/admin/items/${encodeURIComponent(item.item_id)}/settle`, body);
        settled("Settled; training uses your answer alone.");
      });
    }
  }, [said, comment, key, item.item_id, run, settled]);
  useCommands(
    useCallback(
      (command) => {
        if (now === null) {
          return false;
        }
        const isOnControl = document.activeElement?.matches("a, button, summary") ?? false;
        if (command === "enter" && said && !isOnControl) {
          store();
          return true;
        }
        const next = pressed(now, command);
        if (next !== now) {
          change(next);
        }
        return next !== now;
      },
      [now, said, store, change],
    ),
  );
  if (now === null) {
    return null;
  }
  return (
    <section class="card settle" aria-labelledby="settle">
      <h2 id="settle">Settle it yourself</h2>
      <p class="aside">
        Your answer replaces what the judges said: training uses it alone. What they said is kept.
      </p>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          store();
        }}
      >
        <Answering now={now} change={change} />
        <label>
          Comment, if you like
          <input
            type="text"
            maxLength={10_000}
            value={comment}
            onInput={(event) => {
              setComment(event.currentTarget.value);
              setKey(newKey());
            }}
          />
        </label>
        <Trouble text={trouble} />
        <div class="row">
          <button type="submit" class="primary" disabled={said === null || isBusy}>
            {isBusy ? "Storing…" : "Settle"} <kbd aria-hidden="true">Enter</kbd>
          </button>
        </div>
      </form>
    </section>
  );
}

const PAIR = [
  { choice: "A", says: "Answer 1 is better", key: "1" },
  { choice: "B", says: "Answer 2 is better", key: "2" },
  { choice: "tie", says: "Tie", key: "3" },
  { choice: "both_bad", says: "Both bad", key: "4" },
] as const;

function Answering({ now, change }: { now: Settling; change: (next: Settling) => void }) {
  if (now.kind === "pair") {
    return (
      <Choices
        of={PAIR.map(({ choice, says, key }) => ({
          says,
          key,
          isPicked: now.choice === choice,
          pick: () => change({ ...now, choice }),
        }))}
      />
    );
  }
  if (now.kind === "thumb") {
    return (
      <Choices
        of={[true, false].map((is_good) => ({
          says: is_good ? "Good" : "Bad",
          key: is_good ? "1" : "2",
          isPicked: now.is_good === is_good,
          pick: () => change({ ...now, is_good }),
        }))}
      />
    );
  }
  const places = now.ranks.map((_, place) => place + 1);
  return (
    <div class="ranks">
      <p class="aside">
        <kbd>1</kbd> to <kbd>{places.length}</kbd> give the marked answer its rank (1 is best, equal
        ranks are ties), <kbd>←</kbd> <kbd>→</kbd> mark another.
      </p>
      {now.ranks.map((rank, place) => (
        <fieldset key={place} class={place === now.at ? "marked" : ""}>
          <legend>
            Answer {place + 1}
            {place === now.at && <span class="hidden"> (marked)</span>}
          </legend>
          {places.map((number) => (
            <button
              key={number}
              type="button"
              class={`plain ${rank === number ? "picked" : ""}`}
              aria-pressed={rank === number}
              aria-label={`Rank ${number}`}
              onClick={() => change(ranked(now, place, number))}
            >
              {number}
            </button>
          ))}
        </fieldset>
      ))}
    </div>
  );
}

interface Option {
  says: string;
  key: string;
  isPicked: boolean;
  pick: () => void;
}

function Choices({ of }: { of: Option[] }) {
  return (
    <div class="choices" role="group" aria-label="Your answer">
      {of.map(({ says, key, isPicked, pick }) => (
        <button
          key={key}
          type="button"
          class={`plain ${isPicked ? "picked" : ""}`}
          aria-pressed={isPicked}
          onClick={pick}
        >
          {says} <kbd aria-hidden="true">{key}</kbd>
        </button>
      ))}
    </div>
  );
}
