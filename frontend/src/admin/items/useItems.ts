// The list of items under a filter, fifty at a time.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, sentenceOf } from "../api";
import type { ItemsReply, ItemSummary } from "../types";
import { routeOf, type Filter } from "./filter";

interface State {
  items: ItemSummary[];
  total: number;
  before: string | null;
}

export function useItems(filter: Filter) {
  const first = routeOf(filter, null);
  const [state, setState] = useState<State | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [isLoading, setLoading] = useState(false);
  const wanted = useRef(first);

  const load = useCallback(async (route: string, of: string, isMore: boolean) => {
    setLoading(true);
    try {
      const { items, total, next_before } = await get<ItemsReply>(route);
      if (wanted.current === of) {
        setTrouble(null);
        setState((now) => ({
          items: isMore && now ? [...now.items, ...items] : items,
          total,
          before: next_before,
        }));
      }
    } catch (error) {
      if (wanted.current === of) {
        setTrouble(sentenceOf(error));
      }
    }
    if (wanted.current === of) {
      setLoading(false);
    }
  }, []);

  const reload = useCallback(() => load(first, first, false), [first, load]);
  useEffect(() => {
    wanted.current = first;
    void reload();
  }, [first, reload]);
  const before = state?.before ?? null;
  const more = useCallback(async () => {
    if (before !== null) {
      await load(routeOf(filter, before), first, true);
    }
  }, [before, first, load]);
  return { list: state, trouble, isLoading, reload, more };
}
