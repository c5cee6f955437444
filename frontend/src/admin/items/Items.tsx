// The items page: the list under a filter, or one item of it; the list stays while one is open.
import { useCallback } from "preact/hooks";
import { goTo } from "../router";
import { addressOf, filterOf } from "./filter";
import { Item } from "./Item";
import { List } from "./List";
import { useItems } from "./useItems";

export function Items({ id, query }: { id: string | null; query: URLSearchParams }) {
  const filter = filterOf(query);
  const items = useItems(filter);
  const ids = items.list?.items.map((item) => item.item_id) ?? [];
  const place = id === null ? -1 : ids.indexOf(id);
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
      previous={place > 0 ? address(ids[place - 1]) : null}
      next={place >= 0 ? address(ids[place + 1]) : null}
      changed={items.reload}
    />
  );
}
