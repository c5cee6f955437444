// State, labeller and text; every change goes into the address at once, typing after a moment.
import { useEffect, useState } from "preact/hooks";
import { goTo } from "../router";
import type { PeopleReply } from "../types";
import { useLoaded } from "../useLoaded";
import { visible } from "../words";
import { addressOf, STATES, type Filter } from "./filter";

const TYPING_MS = 350;

export function Filters({ filter }: { filter: Filter }) {
  const { reply } = useLoaded<PeopleReply>("/api/admin/people");
  const [query, setQuery] = useState(filter.query);
  // Back and forward in the browser change the field too.
  useEffect(() => setQuery(filter.query), [filter.query]);
  useEffect(() => {
    if (query === filter.query) {
      return;
    }
    const later = setTimeout(
      () => goTo(addressOf({ ...filter, query }), { replace: true }),
      TYPING_MS,
    );
    return () => clearTimeout(later);
  }, [query, filter.state, filter.labeller]);
  const people = reply?.people ?? [];
  const isKnown = filter.labeller === "" || people.some((one) => one.id === filter.labeller);
  const change = (part: Partial<Filter>) => goTo(addressOf({ ...filter, query, ...part }));
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>
        State
        <select
          value={filter.state}
          onChange={(event) =>
            change({ state: event.currentTarget.value as Filter["state"] })
          }
        >
          {STATES.map(({ state, says }) => (
            <option key={state} value={state}>
              {says}
            </option>
          ))}
        </select>
      </label>
      <label>
        Judged by
        <select
          value={filter.labeller}
          onChange={(event) => change({ labeller: event.currentTarget.value })}
        >
          <option value="">Anybody</option>
          {!isKnown && <option value={filter.labeller}>{visible(filter.labeller)}</option>}
          {people.map((one) => (
            <option key={one.id} value={one.id}>
              {visible(one.name)}
              {one.is_simulated ? " (simulated)" : ""}
            </option>
          ))}
        </select>
      </label>
      <label class="grow">
        Text in the prompt or an answer
        <input
          type="search"
          value={query}
          maxLength={200}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </label>
    </form>
  );
}
