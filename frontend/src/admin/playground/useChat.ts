// The chat: asking, choosing, correcting; each act has one idempotency key until it went well.
import { useCallback, useRef, useState } from "preact/hooks";
import { newKey, post, sentenceOf } from "../api";
import type { AskReply, ChatTurn, Revealed } from "../types";
import { picked, roundOf, turnsOf, type Round } from "./conversation";
import type { Settings } from "./Setup";

/** Models on a CPU are slow; a person may stop waiting any time. */
const PATIENCE_MS = 900_000;

export interface Asking {
  asked: string;
  since: number;
  body: {
    messages: ChatTurn[];
    models: string[];
    is_blind: boolean;
    temperature: number;
    max_new_tokens: number;
    idempotency_key: string;
  };
}

export function useChat() {
  const [rounds, setRounds] = useState<Round[]>([]);
  const [pending, setPending] = useState<Asking | null>(null);
  const [failed, setFailed] = useState<{ asking: Asking; says: string } | null>(null);
  const waiting = useRef<AbortController | null>(null);

  const send = useCallback(async (asking: Asking) => {
    const stopper = new AbortController();
    waiting.current = stopper;
    setFailed(null);
    setPending(asking);
    const signal = AbortSignal.any([stopper.signal, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      const path = "/api/admin/playground/answers";
      const { columns } = await post<AskReply>(path, asking.body, signal);
      const { idempotency_key, is_blind } = asking.body;
      setRounds((now) => [...now, roundOf(idempotency_key, asking.asked, columns, is_blind)]);
    } catch (error) {
      const says = stopper.signal.aborted ? "You stopped waiting." : sentenceOf(error);
      setFailed({ asking, says });
    }
    waiting.current = null;
    setPending(null);
  }, []);

  const ask = useCallback(
    (asked: string, { models, isBlind, temperature, maxNewTokens }: Settings) => {
      const turns = turnsOf(rounds);
      if (turns === null || waiting.current) {
        return;
      }
      const body = {
        messages: [...turns, { role: "user" as const, content: asked }],
        models,
        is_blind: isBlind,
        temperature,
        max_new_tokens: maxNewTokens,
        idempotency_key: newKey(),
      };
      void send({ asked, since: Date.now(), body });
    },
    [rounds, send],
  );

  const retry = useCallback(() => {
    if (failed) {
      // The same key: an answer that was made meanwhile is not made again.
      void send({ ...failed.asking, since: Date.now() });
    }
  }, [failed, send]);
  const forget = useCallback(() => setFailed(null), []);
  const stop = useCallback(() => waiting.current?.abort(), []);
  const startAnew = useCallback(() => {
    stop();
    setFailed(null);
    setRounds([]);
  }, [stop]);
  const change = useCallback(
    (id: string, by: (round: Round) => Round) =>
      setRounds((now) => now.map((round) => (round.id === id ? by(round) : round))),
    [],
  );
  return { rounds, pending, failed, ask, retry, forget, stop, startAnew, change };
}

/** Stores "I'd rather have this one" and gives the round with its names. */
export async function storePick(
  round: Round,
  choice: number | "tie" | "both_bad",
  key: string,
): Promise<(now: Round) => Round> {
  const answer_ids = round.columns.map((column) => column.answer_id);
  const body = { answer_ids, choice, comment: "", idempotency_key: key };
  const { models } = await post<Revealed>("/api/admin/playground/judgments", body);
  return (now) => picked(now, choice, models);
}

/** Stores a better text for one answer. */
export async function storeCorrection(
  round: Round,
  column: number,
  text: string,
  key: string,
): Promise<(now: Round) => Round> {
  const answer_id = round.columns[column]?.answer_id;
  const body = { answer_id, text, idempotency_key: key };
  await post<Revealed>("/api/admin/playground/corrections", body);
  return (now) => ({ ...now, corrected: { ...now.corrected, [column]: text } });
}
