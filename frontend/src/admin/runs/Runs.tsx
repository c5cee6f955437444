// Every run of every stage, the newest first.
import { Link, Title, Trouble } from "../Parts";
import type { RunsReply, RunSummary } from "../types";
import { useLoaded } from "../useLoaded";
import { count, lasted, moment, visible } from "../words";

export const STATUS: Record<RunSummary["status"], string> = {
  running: "running",
  done: "done",
  failed: "failed",
  stopped: "stopped",
};

export function Runs() {
  const { reply, trouble, isLoading, reload } = useLoaded<RunsReply>("/api/admin/runs");
  return (
    <>
      <div class="heading">
        <Title name="Runs">Runs</Title>
        <button type="button" class="quiet" disabled={isLoading} onClick={() => void reload()}>
          {isLoading ? "Loading…" : "Refresh"}
        </button>
        <Report />
      </div>
      <Trouble text={trouble} retry={() => void reload()} />
      {reply?.runs.length === 0 && (
        <p class="card">
          Nothing has run yet. Next: <code>rather reward</code>
        </p>
      )}
      {reply && reply.runs.length > 0 && (
        <div class="card wide" tabIndex={0} role="region" aria-label="Runs">
          <table>
            <caption class="hidden">Runs, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">Stage</th>
                <th scope="col">Status</th>
                <th scope="col">Started</th>
                <th scope="col">Lasted</th>
                <th scope="col" class="number">
                  Steps
                </th>
                <th scope="col">Made</th>
              </tr>
            </thead>
            <tbody>
              {reply.runs.map((run) => (
                <Row key={run.id} of={run} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

export function Report() {
  return (
    <a class="plain" href="/api/admin/report" target="_blank" rel="noopener">
      Open the report
    </a>
  );
}

function Row({ of }: { of: RunSummary }) {
  return (
    <tr>
      <th scope="row">
        <Link to={`/admin/runs/${encodeURIComponent(of.id)}`}>{visible(of.id)}</Link>
        {of.message && <small>{visible(of.message)}</small>}
      </th>
      <td>{visible(of.stage)}</td>
      <td>
        <Status of={of.status} />
      </td>
      <td>
        <time dateTime={of.started_at}>{moment(of.started_at)}</time>
      </td>
      <td>{of.finished_at === null ? "–" : lasted(between(of.started_at, of.finished_at))}</td>
      <td class="number">{count(of.num_steps)}</td>
      <td>{of.version === null ? "–" : <code>{visible(of.version)}</code>}</td>
    </tr>
  );
}

export function Status({ of }: { of: RunSummary["status"] }) {
  return <span class={`tag status-${of}`}>{STATUS[of]}</span>;
}

/** Seconds from one moment to another. */
export function between(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
