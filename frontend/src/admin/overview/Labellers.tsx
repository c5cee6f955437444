// One labeller a row: how much, how well, how fast, and whether one side draws them.
import { useState } from "preact/hooks";
import { Figure, Link, Simulated, Words } from "../Parts";
import type { Labelled } from "../types";
import { count, leavesHalf, percent, took } from "../words";
import { sorted, sortedBy, type Sorting, type SortKey } from "./sorting";

const COLUMNS: { by: SortKey; says: string; isNumber: boolean }[] = [
  { by: "name", says: "Labeller", isNumber: false },
  { by: "judgments", says: "Judgments", isNumber: true },
  { by: "gold", says: "Gold accuracy", isNumber: false },
  { by: "consistency", says: "Same answer again", isNumber: false },
  { by: "left_picks", says: "Left picks", isNumber: false },
  { by: "median_ms", says: "Median time", isNumber: true },
  { by: "fast", says: "Under 2 s", isNumber: true },
  { by: "skips", says: "Skips", isNumber: true },
  { by: "flags", says: "Flags", isNumber: true },
];

export function Labellers({ people }: { people: Labelled[] }) {
  const [sorting, setSorting] = useState<Sorting>({ by: "judgments", isRising: false });
  const ariaOf = (by: SortKey) =>
    sorting.by !== by ? "none" : sorting.isRising ? "ascending" : "descending";
  return (
    <section class="card" aria-labelledby="labellers">
      <h2 id="labellers">Labellers</h2>
      {people.length === 0 && <p class="aside">Nobody has judged yet.</p>}
      {people.length > 0 && (
        <div class="wide" tabIndex={0} role="region" aria-label="Labellers">
          <table class="people">
            <caption class="hidden">Labellers, sortable by each column</caption>
            <thead>
              <tr>
                {COLUMNS.map(({ by, says, isNumber }) => (
                  <th scope="col" key={by} aria-sort={ariaOf(by)} class={isNumber ? "number" : ""}>
                    <button
                      type="button"
                      class="sort"
                      onClick={() => setSorting(sortedBy(sorting, by))}
                    >
                      {says}
                      <span aria-hidden="true" class="arrow">
                        {sorting.by === by ? (sorting.isRising ? "↑" : "↓") : ""}
                      </span>
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {sorted(people, sorting).map((person) => (
                <Row key={person.id} of={person} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ of }: { of: Labelled }) {
  const items = `/admin/items?labeller=${encodeURIComponent(of.id)}`;
  return (
    <tr>
      <th scope="row">
        <Link to={items}>
          <Words of={of.name} />
        </Link>
        {of.is_simulated && <Simulated />}
        {of.paused && (
          <small class="warning">
            paused: <Words of={of.paused} />
          </small>
        )}
      </th>
      <td class="number">{count(of.judgments)}</td>
      <td>
        <Figure of={of.gold} as="share" />
      </td>
      <td>
        <Figure of={of.consistency} as="share" />
      </td>
      <td>
        <Figure of={of.left_picks} as="share" />
        {leavesHalf(of.left_picks) && <small class="warning">{sideOf(of)}</small>}
      </td>
      <td class="number">{of.median_ms === null ? "–" : took(of.median_ms)}</td>
      <td class="number">
        {count(of.fast)}
        {of.judgments > 0 && of.fast > 0 && (
          <small>{percent(Math.min(of.fast / of.judgments, 1))}</small>
        )}
      </td>
      <td class="number">{count(of.skips)}</td>
      <td class="number">{count(of.flags)}</td>
    </tr>
  );
}

function sideOf(of: Labelled): string {
  const isLeft = (of.left_picks.low ?? 0) > 0.5;
  return `leans ${isLeft ? "left" : "right"}: 50 % is outside the interval`;
}
