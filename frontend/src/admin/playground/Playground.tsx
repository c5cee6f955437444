// Chat with two to four versions side by side; a choice among their answers is a judgment.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Title, Trouble } from "../Parts";
import type { ModelsReply } from "../types";
import { useLoaded } from "../useLoaded";
import { visible } from "../words";
import { Composer } from "./Composer";
import { turnsOf } from "./conversation";
import { RoundView } from "./RoundView";
import { Setup, type Settings } from "./Setup";
import { useChat } from "./useChat";

const FIRST: Settings = { models: [], isBlind: true, temperature: 0.7, maxNewTokens: 256 };

export function Playground() {
  const { reply, trouble, reload } = useLoaded<ModelsReply>("/api/admin/playground/models");
  const [changed, setSettings] = useState<Settings | null>(null);
  const first = useMemo(() => ({ ...FIRST, models: firstAndLast(reply?.models ?? []) }), [reply]);
  const settings = changed ?? first;
  const chat = useChat();
  const { rounds, pending, failed } = chat;
  return (
    <>
      <div class="heading">
        <Title name="Playground">Playground</Title>
        {rounds.length > 0 && (
          <button type="button" class="quiet" onClick={chat.startAnew}>
            New conversation
          </button>
        )}
      </div>
      <p class="aside">
        A choice or an edit here is stored as a judgment with the tag <span class="tag">playground</span>;
        evaluations leave these out unless they are told otherwise.
      </p>
      <Trouble text={trouble} retry={() => void reload()} />
      {reply && !reply.can_answer && (
        <p class="card warning">
          Nothing can be generated here: {visible(reply.reason ?? "no reason was given")}
        </p>
      )}
      {reply?.can_answer && (
        <>
          <Setup models={reply.models} settings={settings} change={setSettings} />
          {rounds.map((round, place) => (
            <RoundView
              key={round.id}
              of={round}
              number={place + 1}
              isLast={place === rounds.length - 1 && !pending}
              change={(by) => chat.change(round.id, by)}
            />
          ))}
          {pending && <Pending asked={pending.asked} since={pending.since} stop={chat.stop} />}
          {failed && (
            <div class="card">
              <p class="turn user asked" dir="auto">
                {visible(failed.asking.asked)}
              </p>
              <Trouble text={failed.says} retry={chat.retry} />
              <button type="button" class="quiet" onClick={chat.forget}>
                Leave it
              </button>
            </div>
          )}
          <Composer
            isFirst={rounds.length === 0}
            hindrance={hindranceOf(settings.models.length, pending !== null, turnsOf(rounds) === null)}
            send={(text) => chat.ask(text, settings)}
          />
        </>
      )}
    </>
  );
}

/** The oldest and the newest: what all the training has done. */
function firstAndLast(models: string[]): string[] {
  return [...new Set([...models.slice(0, 1), ...models.slice(-1)])];
}

function hindranceOf(numModels: number, isPending: boolean, needsChoice: boolean): string | null {
  if (isPending) {
    return "The answers come first.";
  }
  if (needsChoice) {
    return "Choose the answer to go on from, or begin a new conversation.";
  }
  return numModels < 2 ? "Choose at least two versions." : null;
}

interface PendingProps {
  asked: string;
  since: number;
  stop: () => void;
}

function Pending({ asked, since, stop }: PendingProps) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <section class="round" aria-label="Being answered" aria-busy="true">
      <p class="turn user asked" dir="auto">
        {visible(asked)}
      </p>
      <div class="card row">
        <p role="status">
          <span class="pulse" aria-hidden="true" /> The models are answering…
        </p>
        <span role="timer" class="quietly">
          {Math.max(0, Math.floor((now - since) / 1000))} s
        </span>
        <span class="grow" />
        <button type="button" class="quiet" onClick={stop}>
          Stop waiting
        </button>
      </div>
    </section>
  );
}
