// The list: filters in the address, j and k move, Enter opens.
import { useCallback, useRef } from "preact/hooks";
import { useCommands } from "../keys";
import { Link, Title, Trouble, Words } from "../Parts";
import type { ItemSummary } from "../types";
import { count, counted } from "../words";
import { Export } from "./Export";
import { addressOf, saysOf, type Filter } from "./filter";
import { Filters } from "./Filters";

interface Props {
  filter: Filter;
  list: { items: ItemSummary[]; total: number; before: string | null } | null;
  trouble: string | null;
  isLoading: boolean;
  reload: () => Promise<void>;
  more: () => Promise<void>;
}

const KINDS = {
  pair: "Pair",
  ranking: "Ranking",
  demonstration: "Demonstration",
  correction: "Correction",
  thumb: "Thumb",
};

export function List({ filter, list, trouble, isLoading, reload, more }: Props) {
  const rows = useRef<HTMLOListElement>(null);
  useCommands(
    useCallback((command) => {
      const step = command === "j" ? 1 : command === "k" ? -1 : 0;
      return step !== 0 && moved(rows.current, step);
    }, []),
  );
  return (
    <>
      <div class="heading">
        <Title name="Items">Items</Title>
        <Export labeller={filter.labeller} />
      </div>
      <Filters filter={filter} />
      <Trouble text={trouble} retry={() => void reload()} />
      <p class="aside" role="status">
        {list && `${counted(list.total, "item")}${list.items.length < list.total ? `, ${count(list.items.length)} shown` : ""}`}
        {isLoading && " loading…"}
      </p>
      {list && list.items.length > 0 && (
        <p class="aside keys-line">
          <kbd>j</kbd> <kbd>k</kbd> next and previous, <kbd>Enter</kbd> opens
        </p>
      )}
      <ol class="items" ref={rows}>
        {list?.items.map((item) => (
          <li key={item.item_id}>
            <Link to={addressOf(filter, item.item_id)} class="item">
              <span class="asked" dir="auto">
                <Words of={item.prompt || "(an empty prompt)"} />
              </span>
              <span class="meta">
                <span class="tag">{KINDS[item.kind]}</span>
                {item.state
                  .filter((state) => state !== "all")
                  .map((state) => (
                    <span class={`tag state-${state}`} key={state}>
                      {tagOf(state)}
                    </span>
                  ))}
                <span class="number">{counted(item.judgments, "judgment")}</span>
              </span>
            </Link>
          </li>
        ))}
      </ol>
      {list && list.items.length === 0 && !isLoading && (
        <p class="card">No item is like that.</p>
      )}
      {list?.before && (
        <button type="button" class="quiet" disabled={isLoading} onClick={() => void more()}>
          {isLoading ? "Loading…" : "Show more"}
        </button>
      )}
    </>
  );
}

const TAGS: Partial<Record<ItemSummary["state"][number], string>> = {
  disagreement: "disagreement",
  leak: "may tell who answered",
  gold: "control item",
  no_consent: "no consent",
};

export function tagOf(state: ItemSummary["state"][number]): string {
  return TAGS[state] ?? saysOf(state).toLowerCase();
}

/** Moves the keyboard to the next or previous link; the first one where it is nowhere in there. */
function moved(rows: HTMLOListElement | null, step: 1 | -1): boolean {
  const links = [...(rows?.querySelectorAll<HTMLAnchorElement>("a.item") ?? [])];
  const now = links.indexOf(document.activeElement as HTMLAnchorElement);
  const then = now < 0 ? (step > 0 ? 0 : -1) : now + step;
  links[then]?.focus();
  return links[then] !== undefined;
}
