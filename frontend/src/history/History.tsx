// What this labeller said so far, newest first; each can be changed.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { fetchHistory, isSessionOver } from "../api";
import type { HistoryEntry } from "../contract";
import type { Desk } from "../engine/desk";
import { inWords } from "../logic/saying";
import { messages } from "../messages";
import { Caps } from "../parts/Caps";

const says = messages.history;

interface Props {
  desk: Desk;
  leave: () => void;
}

export function History({ desk, leave }: Props) {
  const [entries, setEntries] = useState<HistoryEntry[] | null>(null);
  const [before, setBefore] = useState<string | null>(null);
  const [hasFailed, setFailed] = useState(false);
  const title = useRef<HTMLHeadingElement>(null);

  const load = useCallback(
    async (from: string | null) => {
      setFailed(false);
      try {
        const reply = await fetchHistory(from);
        setEntries((known) => (from === null ? reply.entries : [...(known ?? []), ...reply.entries]));
        setBefore(reply.next_before);
      } catch (error) {
        setFailed(true);
        if (isSessionOver(error)) {
          desk.board.tell(error);
        }
      }
    },
    [desk],
  );
  useLayoutEffect(() => title.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    let isHere = true;
    // What waits is brought first, or the list would lack it; without a network, it is told below.
    void desk.settled().then(() => (isHere ? load(null) : undefined));
    void load(null);
    return () => {
      isHere = false;
    };
  }, [desk, load]);

  return (
    <main class="history">
      <header>
        <h1 ref={title} tabIndex={-1}>
          {says.title}
        </h1>
        <button type="button" class="quiet" onClick={leave}>
          {messages.nav.back} <Caps of="history" />
        </button>
      </header>
      {hasFailed && (
        <p class="aside" role="alert">
          {says.failed}{" "}
          <button type="button" class="link" onClick={() => void load(null)}>
            {says.retry}
          </button>
        </p>
      )}
      {entries === null && !hasFailed && <p class="aside">{says.loading}</p>}
      {entries?.length === 0 && <p class="aside">{says.empty}</p>}
      <ol class="entries">
        {entries?.map((entry) => (
          <Entry key={entry.judgment_id} entry={entry} edit={() => void desk.revise(entry.item_id)} />
        ))}
      </ol>
      {before !== null && (
        <button type="button" class="quiet" onClick={() => void load(before)}>
          {says.more}
        </button>
      )}
    </main>
  );
}

function Entry({ entry, edit }: { entry: HistoryEntry; edit: () => void }) {
  const id = `entry-${entry.judgment_id}`;
  return (
    <li class="entry">
      <p class="asked" id={id} dir="auto">
        {entry.prompt}
      </p>
      <p class="answered" dir="auto">
        <span class="hidden">{says.said}: </span>
        {inWords(entry.said)}
      </p>
      {entry.comment && (
        <p class="aside" dir="auto">
          {says.comment}: {entry.comment}
        </p>
      )}
      <footer>
        <time dateTime={entry.created_at}>{whenOf(entry.created_at)}</time>
        <button type="button" class="quiet" aria-describedby={id} onClick={edit}>
          {says.edit}
        </button>
      </footer>
    </li>
  );
}

function whenOf(moment: string): string {
  const date = new Date(moment);
  return Number.isNaN(date.getTime())
    ? moment
    : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
