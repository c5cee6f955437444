// Which items the list shows, kept in the address so that it can be bookmarked and gone back to.
import { queryOf } from "../api";
import type { ItemState } from "../types";

export interface Filter {
  state: ItemState;
  labeller: string;
  query: string;
}

export const STATES: readonly { state: ItemState; says: string }[] = [
  { state: "all", says: "All" },
  { state: "disagreement", says: "Disagreements" },
  { state: "settled", says: "Settled" },
  { state: "flagged", says: "Flagged" },
  { state: "hidden", says: "Hidden" },
  { state: "skipped", says: "Skipped" },
  { state: "leak", says: "May tell who answered" },
  { state: "gold", says: "Control items" },
  { state: "no_consent", says: "Without consent" },
];

export function saysOf(state: ItemState): string {
  return STATES.find((one) => one.state === state)?.says ?? state;
}

/** The filter an address names; what it does not know is as if it were not there. */
export function filterOf(query: URLSearchParams): Filter {
  const state = STATES.find((one) => one.state === query.get("state"))?.state ?? "all";
  return { state, labeller: query.get("labeller") ?? "", query: query.get("query") ?? "" };
}

/** The address of the list, or of one item of it. */
export function addressOf(filter: Filter, id: string | null = null): string {
  const path = id === null ? "/admin/items" : `/admin/items/${encodeURIComponent(id)}`;
  return path + partsOf(filter);
}

/** What the server is asked for. */
export function routeOf(filter: Filter, before: string | null): string {
  return `/api/admin/items${partsOf(filter, before)}`;
}

function partsOf({ state, labeller, query }: Filter, before: string | null = null): string {
  return queryOf({ state: state === "all" ? "" : state, labeller, query, before });
}
