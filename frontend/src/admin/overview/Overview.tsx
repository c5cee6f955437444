// How far the labelling is, how fast, and how far what people say can be trusted.
import { Link, Figure, Title, Trouble } from "../Parts";
import type { Counts, OverviewReply, Pace } from "../types";
import { useLoaded } from "../useLoaded";
import { count, counted, figure, hours } from "../words";
import { Agreement } from "./Agreement";
import { Days } from "./Days";
import { Labellers } from "./Labellers";

export function Overview() {
  const { reply, trouble, isLoading, reload } = useLoaded<OverviewReply>("/api/admin/overview");
  return (
    <>
      <div class="heading">
        <Title name="Overview">Overview</Title>
        <button type="button" class="quiet" disabled={isLoading} onClick={() => void reload()}>
          {isLoading ? "Loading…" : "Refresh"}
        </button>
      </div>
      <Trouble text={trouble} retry={() => void reload()} />
      {reply && (
        <>
          <div class="cards">
            <Goal counts={reply.counts} pace={reply.pace} />
            <section class="card" aria-labelledby="pace">
              <h2 id="pace">Pace</h2>
              <Days days={reply.pace.per_day} />
            </section>
          </div>
          <Numbers counts={reply.counts} />
          <Agreement of={reply.agreement} people={reply.people} kind={reply.kind} />
          <Labellers people={reply.people} />
          <section class="card" aria-labelledby="more">
            <h2 id="more">Sides and guidelines</h2>
            <p>
              Over all people the left answer was picked in{" "}
              <Figure of={reply.left_picks} as="share" /> of {counted(reply.left_picks.n, "choice")}{" "}
              of A or B; half is what fair sides give.
            </p>
            <Guidelines versions={reply.guidelines} />
          </section>
        </>
      )}
    </>
  );
}

function Goal({ counts, pace }: { counts: Counts; pace: Pace }) {
  const { judgments, goal } = counts;
  return (
    <section class="card goal" aria-labelledby="goal">
      <h2 id="goal">Judgments for the next round</h2>
      <p class="big">
        {count(judgments)} <span>of {count(goal)}</span>
      </p>
      <progress
        value={Math.min(judgments, goal)}
        max={Math.max(goal, 1)}
        aria-label="Judgments of the goal"
      />
      <p>{etaOf(pace)}</p>
      <p class="aside">
        {count(pace.last_hour)} in the last hour
        {counts.simulated > 0 && (
          <>
            {" · "}
            {count(counts.simulated)} more by <span class="tag simulated">simulated</span> labellers
          </>
        )}
      </p>
    </section>
  );
}

function etaOf({ eta_hours, per_hour }: Pace): string {
  if (eta_hours === 0) {
    return "The goal is reached.";
  }
  if (eta_hours === null || per_hour === null) {
    return "Time left: not computable, nobody has judged in the last seven days.";
  }
  return `At ${figure(per_hour)} an hour, ${hours(eta_hours)} of labelling are left.`;
}

function Numbers({ counts }: { counts: Counts }) {
  const linked: [string, number, string][] = [
    ["Items", counts.items, ""],
    ["Disagreements to settle", counts.disagreements, "disagreement"],
    ["Flagged", counts.flagged, "flagged"],
    ["Hidden until you look", counts.hidden, "hidden"],
    ["Skipped", counts.skipped, "skipped"],
    ["May tell who answered", counts.leaks, "leak"],
  ];
  return (
    <section aria-labelledby="numbers">
      <h2 id="numbers" class="hidden">
        Items
      </h2>
      <ul class="numbers">
        {linked.map(([says, number, state]) => (
          <li key={says}>
            <Link to={state ? `/admin/items?state=${state}` : "/admin/items"}>
              <b>{count(number)}</b> {says}
            </Link>
          </li>
        ))}
        <li>
          <span>
            <b>{count(counts.open_items)}</b> Still open
          </span>
        </li>
        <li>
          <span>
            <b>{count(counts.extra)}</b> Extra, late but kept
          </span>
        </li>
      </ul>
    </section>
  );
}

function Guidelines({ versions }: { versions: [string, number][] }) {
  if (versions.length === 0) {
    return <p class="aside">No judgment was given under any guidelines yet.</p>;
  }
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Versions of the guidelines">
      <table>
        <caption>Judgments under each version of the guidelines, the newest last</caption>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col" class="number">
              Judgments
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.map(([hash, judgments], place) => (
            <tr key={hash}>
              <th scope="row">
                <code>{hash.slice(0, 12) || "none"}</code>
                {place === versions.length - 1 && versions.length > 1 && " (now)"}
              </th>
              <td class="number">{count(judgments)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
