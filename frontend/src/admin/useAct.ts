// Something a person does: busy while it is under way, its outcome told in a live region.
import { useCallback, useRef, useState } from "preact/hooks";
import { sentenceOf } from "./api";

export interface Act {
  isBusy: boolean;
  /** What was done, for the status line; empty before. */
  said: string;
  trouble: string | null;
  /** Runs `work` unless another is under way; tells whether it went well. */
  run: (work: () => Promise<string | void>) => Promise<boolean>;
}

export function useAct(): Act {
  const [isBusy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const [trouble, setTrouble] = useState<string | null>(null);
  // A second press arrives before the state is painted.
  const isUnderWay = useRef(false);
  const run = useCallback(async (work: () => Promise<string | void>) => {
    if (isUnderWay.current) {
      return false;
    }
    isUnderWay.current = true;
    setBusy(true);
    setTrouble(null);
    setSaid("");
    try {
      setSaid((await work()) ?? "");
      return true;
    } catch (error) {
      setTrouble(sentenceOf(error));
      return false;
    } finally {
      isUnderWay.current = false;
      setBusy(false);
    }
  }, []);
  return { isBusy, said, trouble, run };
}
