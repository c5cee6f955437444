// What a page loads: the reply, what went wrong, and loading it again.
import { useCallback, useEffect, useState } from "preact/hooks";
import { get, sentenceOf } from "./api";

export interface Loaded<T> {
  reply: T | null;
  trouble: string | null;
  isLoading: boolean;
  reload: () => Promise<void>;
}

/** GET `path`; a reply that comes after the path has changed is thrown away. */
export function useLoaded<T>(path: string): Loaded<T> {
  const [state, setState] = useState<{ path: string; reply: T | null; trouble: string | null }>({
    path,
    reply: null,
    trouble: null,
  });
  const [isLoading, setLoading] = useState(true);
  const load = useCallback(
    async (isWanted: () => boolean) => {
      setLoading(true);
      try {
        const reply = await get<T>(path);
        if (isWanted()) {
          setState({ path, reply, trouble: null });
        }
      } catch (error) {
        if (isWanted()) {
          // What was loaded before stays on screen.
          setState((now) => ({
            path,
            reply: now.path === path ? now.reply : null,
            trouble: sentenceOf(error),
          }));
        }
      }
      if (isWanted()) {
        setLoading(false);
      }
    },
    [path],
  );
  useEffect(() => {
    let isWanted = true;
    void load(() => isWanted);
    return () => {
      isWanted = false;
    };
  }, [load]);
  const reload = useCallback(() => load(() => true), [load]);
  const isOfThisPath = state.path === path;
  return {
    reply: isOfThisPath ? state.reply : null,
    trouble: isOfThisPath ? state.trouble : null,
    isLoading,
    reload,
  };
}
