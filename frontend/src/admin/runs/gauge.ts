// A stop rule's gauge as shares of its drawing, and as a sentence.
import type { Gauge } from "../types";
import { figure } from "../words";

export interface Meter {
  low: number;
  high: number;
  /** Shares from 0 (left) to 1 (right); null where there is none. */
  value: number | null;
  warn: number | null;
  stop: number | null;
}

/** From the safe end on the left to a little beyond the limit on the right. */
export function meterOf({ value, warn_at, stop_at, rises }: Gauge): Meter | null {
  // A warning that lies beyond the stop can never be given.
  const isBeyond =
    warn_at !== null && stop_at !== null && (rises ? warn_at > stop_at : warn_at < stop_at);
  const warn = isBeyond ? null : warn_at;
  const known = [value, warn, stop_at, rises ? 0 : null].filter((one) => one !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  if (known.length < 2 || least === most) {
    return null;
  }
  const room = (most - least) * 0.1;
  const [low, high] = rises ? [Math.min(least, 0), most + room] : [least - room, most];
  const share = (of: number | null) => {
    if (of === null) {
      return null;
    }
    const at = (of - low) / (high - low);
    return rises ? at : 1 - at;
  };
  return { low, high, value: share(value), warn: share(warn), stop: share(stop_at) };
}

const STATES: Record<Gauge["state"], string> = {
  quiet: "quiet",
  warned: "warning",
  stopped: "stopped the run",
  unknown: "nothing measured yet",
};

export function stateInWords(gauge: Gauge): string {
  return STATES[gauge.state];
}

/** "0.42; warns above 0.5, stops above 1" */
export function gaugeInWords({ value, warn_at, stop_at, rises }: Gauge): string {
  const side = rises ? "above" : "below";
  const isBeyond =
    warn_at !== null && stop_at !== null && (rises ? warn_at > stop_at : warn_at < stop_at);
  const limits = [
    warn_at !== null && !isBeyond && `warns ${side} ${figure(warn_at)}`,
    stop_at !== null && `stops ${side} ${figure(stop_at)}`,
  ].filter((one) => one !== false);
  const now = value === null ? "no value" : figure(value);
  return limits.length > 0 ? `${now}; ${limits.join(", ")}` : now;
}
