// How near each stop rule is, as a meter and in words, and what the rules have said.
import type { AlarmInfo, Gauge } from "../types";
import { count, visible } from "../words";
import { gaugeInWords, meterOf, stateInWords } from "./gauge";

export function Gauges({ of }: { of: Gauge[] }) {
  if (of.length === 0) {
    return null;
  }
  return (
    <section class="card" aria-labelledby="gauges">
      <h2 id="gauges">Stop rules</h2>
      <ul class="gauges">
        {of.map((gauge) => (
          <li key={gauge.rule} class={`gauge-${gauge.state}`}>
            <p class="rule">
              <b>{visible(gauge.rule)}</b> <span class={`tag is-${gauge.state}`}>{stateInWords(gauge)}</span>
            </p>
            <Needle of={gauge} />
            <p class="aside">
              {gaugeInWords(gauge)}
              <br />
              {visible(gauge.says)}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Needle({ of }: { of: Gauge }) {
  const meter = meterOf(of);
  if (meter === null || of.value === null) {
    return <div class="needle" aria-hidden="true" />;
  }
  const place = (share: number) => `${Math.min(Math.max(share, 0), 1) * 100}%`;
  return (
    <div
      class="needle"
      role="meter"
      aria-label={visible(of.rule)}
      aria-valuemin={Number(figureless(meter.low))}
      aria-valuemax={Number(figureless(meter.high))}
      aria-valuenow={of.value}
      aria-valuetext={`${gaugeInWords(of)}, ${stateInWords(of)}`}
    >
      <span class="fill" style={{ width: place(meter.value ?? 0) }} />
      {meter.warn !== null && <span class="mark" style={{ left: place(meter.warn) }} />}
      {meter.stop !== null && <span class="mark stop" style={{ left: place(meter.stop) }} />}
    </div>
  );
}

function figureless(value: number): string {
  return value.toPrecision(4);
}

export function Alarms({ of }: { of: AlarmInfo[] }) {
  if (of.length === 0) {
    return null;
  }
  return (
    <section class="card" aria-labelledby="alarms">
      <h2 id="alarms">Alarms</h2>
      <ul class="alarms">
        {[...of].reverse().map((alarm) => (
          <li key={`${alarm.step} ${alarm.rule} ${alarm.severity}`}>
            <span class={`tag ${alarm.severity === "stop" ? "is-stopped" : "is-warned"}`}>
              {alarm.severity === "stop" ? "stop" : "warning"}
            </span>{" "}
            <span class="quietly">step {count(alarm.step)}</span> {visible(alarm.sentence)}
          </li>
        ))}
      </ul>
    </section>
  );
}

