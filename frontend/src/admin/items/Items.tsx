// The items page: the list under a filter, or one item of it; the list stays while one is open.
import { useCallback, useRef } from "preact/hooks";
import { goTo } from "../router";
import { addressOf, filterOf } from "./filter";
import { Item } from "./Item";
import { List } from "./List";
import { useItems } from "./useItems";

export function Items({ id, query }: { id: string | null; query: URLSearchParams }) {
  const filter = filterOf(query);
  const items = useItems(filter);
  const ids = items.list?.items.map((item) => item.item_id) ?? [];
  const { previous, next } = useNeighbours(ids, id);
  const address = (of: string | undefined) => (of === undefined ? null : addressOf(filter, of));
  const list = addressOf(filter);
  const back = useCallback(() => goTo(list), [list]);
  if (id === null) {
    return <List filter={filter} {...items} />;
  }
  return (
    <Item
      key={id}
      id={id}
      list={list}
      back={back}
      previous={address(previous)}
      next={address(next)}
      changed={items.reload}
    />
  );
}

/** Those beside an item; one that has left the list (settled, say) keeps its place in it. */
function useNeighbours(ids: readonly string[], id: string | null) {
  const last = useRef<{ id: string; place: number } | null>(null);
  const place = id === null ? -1 : ids.indexOf(id);
  if (id !== null && place >= 0) {
    last.current = { id, place };
    return { previous: ids[place - 1], next: ids[place + 1] };
  }
  const was = last.current !== null && last.current.id === id ? last.current.place : -1;
  return { previous: ids[was - 1], next: ids[was] };
}
