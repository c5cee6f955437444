// One run, followed while it lasts: curves, gauges, alarms, and its answers over time.
import { useState } from "preact/hooks";
import { Link, Title, Trouble } from "../Parts";
import type { Curve, CurveGroup, RunReply, RunSummary } from "../types";
import { count, counted, lasted, moment, visible } from "../words";
import { Answers } from "./Answers";
import { Chart } from "./Chart";
import { Alarms, Gauges } from "./Gauges";
import { between, Report, Status } from "./Runs";
import { useRun } from "./useRun";

const GROUPS: { group: CurveGroup; says: string }[] = [
  { group: "reward", says: "Reward" },
  { group: "kl", says: "Distance from the reference (KL)" },
  { group: "length", says: "Length" },
  { group: "loss", says: "Loss" },
  { group: "speed", says: "Speed" },
  { group: "other", says: "Everything else" },
];

export function Run({ id }: { id: string }) {
  const { known, trouble, isFollowing } = useRun(id);
  return (
    <>
      <nav class="steps" aria-label="Runs">
        <Link to="/admin/runs" class="quiet">
          ← All runs
        </Link>
      </nav>
      <div class="heading">
        <Title name={`Run ${visible(id)}`}>Run {visible(id)}</Title>
        {known && <Status of={known.run.status} />}
        <span class="grow" />
        <Report />
      </div>
      <Trouble text={trouble} />
      {known ? (
        <>
          <State of={known} isFollowing={isFollowing} />
          <Gauges of={known.gauges} />
          <Alarms of={known.alarms} />
          <Curves of={known} />
          <Answers id={id} lastStep={known.last_step} isRunning={known.run.status === "running"} />
        </>
      ) : (
        !trouble && <p class="aside">Loading…</p>
      )}
    </>
  );
}

function State({ of: { run, last_step }, isFollowing }: { of: RunReply; isFollowing: boolean }) {
  const isLive = run.status === "running" && isFollowing;
  return (
    <div class="card run-state">
      <p role="status">
        {isLive ? (
          <>
            <span class="pulse" aria-hidden="true" /> This run is going on; the page follows it.
          </>
        ) : (
          overOf(run)
        )}
      </p>
      <p class="aside">
        {visible(run.stage)} · started {moment(run.started_at)} ·{" "}
        {counted(run.num_steps, "step")} with numbers, the last one {count(last_step)}
        {run.version !== null && (
          <>
            {" · made "}
            <code>{visible(run.version)}</code>
          </>
        )}
      </p>
      {run.message && <p>{visible(run.message)}</p>}
    </div>
  );
}

function overOf(run: RunSummary): string {
  const how = {
    running: "This run was going on when last seen.",
    done: "This run is over: it is done.",
    failed: "This run is over: it failed.",
    stopped: "This run is over: it was stopped.",
  }[run.status];
  const long =
    run.finished_at === null ? "" : ` It took ${lasted(between(run.started_at, run.finished_at))}.`;
  return how + long;
}

function Curves({ of }: { of: RunReply }) {
  const [isSmooth, setSmooth] = useState(true);
  const [step, setStep] = useState<number | null>(null);
  const alarms = of.alarms.map((alarm) => alarm.step);
  const drawn = (curves: Curve[]) =>
    curves.map((curve) => (
      <Chart
        key={curve.name}
        of={curve}
        isSmooth={isSmooth}
        step={step}
        setStep={setStep}
        alarms={alarms}
      />
    ));
  return (
    <section class="curves" aria-labelledby="curves">
      <div class="heading">
        <h2 id="curves">Curves</h2>
        <label class="check">
          <input
            type="checkbox"
            checked={isSmooth}
            onChange={(event) => setSmooth(event.currentTarget.checked)}
          />
          Smooth
        </label>
      </div>
      {of.curves.length === 0 && <p class="card">No step has brought numbers yet.</p>}
      <div class="groups">
      {GROUPS.map(({ group, says }) => {
        const curves = of.curves.filter((curve) => curve.group === group);
        if (curves.length === 0) {
          return null;
        }
        if (group === "other") {
          return (
            <details key={group} class="of-3">
              <summary>
                {says} ({curves.length})
              </summary>
              <div class="charts">{drawn(curves)}</div>
            </details>
          );
        }
        return (
          <section key={group} class={`of-${Math.min(curves.length, 3)}`} aria-labelledby={`group-${group}`}>
            <h3 id={`group-${group}`}>{says}</h3>
            <div class="charts">{drawn(curves)}</div>
          </section>
        );
      })}
      </div>
    </section>
  );
}
