// One item: what was asked and answered, what was said about it, and what an admin can do.
import { useCallback, useState } from "preact/hooks";
import { newKey, post } from "../api";
import { useCommands } from "../keys";
import { Link, Said, Text, Title, Trouble, Words } from "../Parts";
import { goTo } from "../router";
import type { AdminAnswer, ItemReply, Turn } from "../types";
import { useAct } from "../useAct";
import { useLoaded } from "../useLoaded";
import { counted, visible } from "../words";
import { Judgments, Remarks } from "./Judgments";
import { tagOf } from "./List";
import { Settle } from "./Settle";

interface Props {
  id: string;
  /** Addresses; null where there is none. */
  list: string;
  previous: string | null;
  next: string | null;
  back: () => void;
  /** What the list says of this item is no longer so. */
  changed: () => Promise<void>;
}

export function Item({ id, list, previous, next, back, changed }: Props) {
  const path = `/api/admin/items/${encodeURIComponent(id)}`;
  const { reply: item, trouble, reload } = useLoaded<ItemReply>(path);
  const [said, setSaid] = useState("");
  useCommands(
    useCallback(
      (command) => {
        const address = command === "j" ? next : command === "k" ? previous : null;
        if (address !== null) {
          goTo(address);
        } else if (command === "escape") {
          back();
        }
        return address !== null || command === "escape";
      },
      [next, previous, back],
    ),
  );
  const done = useCallback(
    async (says: string) => {
      setSaid(says);
      await Promise.all([reload(), changed()]);
    },
    [reload, changed],
  );
  return (
    <>
      <nav class="steps" aria-label="Items">
        <Link to={list} class="quiet">
          ← All items
        </Link>
        <span class="grow" />
        {previous && (
          <Link to={previous} class="quiet">
            Previous <kbd aria-hidden="true">k</kbd>
          </Link>
        )}
        {next && (
          <Link to={next} class="quiet">
            Next <kbd aria-hidden="true">j</kbd>
          </Link>
        )}
      </nav>
      <div class="heading">
        <Title name="Item">Item</Title>
        {item && <Tags of={item} />}
      </div>
      <Trouble text={trouble} retry={() => void reload()} />
      <Said text={said} />
      {item && (
        <>
          <Asked turns={item.prompt} />
          <div class={`side-by-side of-${Math.min(item.answers.length, 3)}`}>
            {item.answers.map((answer, place) => (
              <Answer key={answer.completion_id} of={answer} number={place + 1} />
            ))}
          </div>
          <section class="card" aria-labelledby="said">
            <h2 id="said">What was said</h2>
            <Judgments judgments={item.judgments} answers={item.answers} />
            {item.remarks.length > 0 && <Remarks remarks={item.remarks} />}
          </section>
          {item.purpose === "work" && <Settle item={item} settled={(says) => void done(says)} />}
          <Deciding item={item} decided={(says) => void done(says)} />
        </>
      )}
    </>
  );
}

function Tags({ of }: { of: ItemReply }) {
  const states = of.state.filter((state) => state !== "all");
  return (
    <p class="meta">
      <span class="tag">{of.kind}</span>
      <span class="tag">{visible(of.split)}</span>
      {states.map((state) => (
        <span class={`tag state-${state}`} key={state}>
          {tagOf(state)}
        </span>
      ))}
      {of.tags.map((tag) => (
        <span class="tag" key={tag}>
          <Words of={tag} />
        </span>
      ))}
    </p>
  );
}

const SPEAKERS: Record<string, string> = {
  user: "User",
  assistant: "Assistant",
  system: "Instructions",
};

export function Asked({ turns }: { turns: Turn[] }) {
  return (
    <section class="prompt conversation" aria-label="Prompt">
      {turns.map((turn, place) => (
        <div class={`turn ${turn.role === "user" ? "user" : "other"}`} key={place}>
          <p class="speaker">{SPEAKERS[turn.role] ?? visible(turn.role)}</p>
          <Text of={turn} />
        </div>
      ))}
    </section>
  );
}

function Answer({ of, number }: { of: AdminAnswer; number: number }) {
  const sampling = Object.entries(of.sampling).map(([name, value]) => `${name} ${value}`);
  const about = [counted(of.num_tokens, "token"), ...sampling].join(" · ");
  return (
    <article class="answer" aria-labelledby={`answer-${number}`}>
      <h2 id={`answer-${number}`}>
        Answer {number} <span class="model">{visible(of.model)}</span>
      </h2>
      {of.leaks.length > 0 && (
        <p class="warning">
          May tell who answered: {of.leaks.map((word) => `“${visible(word)}”`).join(", ")}
        </p>
      )}
      <Text of={of} />
      <p class="aside">{visible(about)}</p>
    </article>
  );
}

function Deciding({ item, decided }: { item: ItemReply; decided: (says: string) => void }) {
  const [comment, setComment] = useState("");
  const { isBusy, trouble, run } = useAct();
  const isOut = item.state.some((state) => state === "hidden" || state === "flagged");
  const decide = (what: "restore" | "retire") =>
    void run(async () => {
      const path = `/api/admin/items/${encodeURIComponent(item.item_id)}/decide`;
      await post(path, { what, comment, idempotency_key: newKey() });
      decided(what === "restore" ? "Restored; it is asked again." : "Retired; nobody is asked it.");
    });
  return (
    <section class="card" aria-labelledby="decide">
      <h2 id="decide">Ask it or not</h2>
      <div class="row">
        <label class="grow">
          Comment, if you like
          <input
            type="text"
            maxLength={10_000}
            value={comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
        </label>
        {isOut && (
          <button type="button" class="plain" disabled={isBusy} onClick={() => decide("restore")}>
            Restore: ask it again
          </button>
        )}
        <button type="button" class="plain" disabled={isBusy} onClick={() => decide("retire")}>
          Retire: ask it nobody
        </button>
      </div>
      <Trouble text={trouble} />
    </section>
  );
}
