// Numbers, times and texts as people read them.
import type { Measured } from "./types";

/** As the server's markup does: what hides or reorders text is replaced by its name. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** Text of a person or model that came as it is, safe to put before another person. */
export function visible(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(HIDDEN, (found) => {
      const code = (found.codePointAt(0) ?? 0).toString(16).toUpperCase();
      return `⟨U+${code.padStart(4, "0")}⟩`;
    });
}

/** 1,234 */
export function count(value: number): string {
  return value.toLocaleString("en-GB");
}

/** "1 judgment", "2 judgments" */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** 0.634 → "63 %"; a share close to an end keeps a digit that tells it from the end. */
export function percent(share: number): string {
  const whole = share * 100;
  const isNearEnd = (whole > 0 && whole < 1) || (whole > 99 && whole < 100);
  return `${whole.toFixed(isNearEnd ? 1 : 0)} %`;
}

/** A number of unknown size with three digits that count. */
export function figure(value: number): string {
  if (value === 0) {
    return "0";
  }
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) {
    return value.toExponential(1).replace("e+", "e").replace("-", "−").replace("e-", "e−");
  }
  const digits = size >= 1000 ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value
    .toLocaleString("en-GB", { minimumFractionDigits: 0, maximumFractionDigits: digits })
    .replace("-", "−");
}

/** Two digits behind the point, with a true minus sign. */
export function coefficient(value: number): string {
  // "-0.00" would be a sign without a number.
  const text = Math.abs(value) < 0.005 ? "0.00" : value.toFixed(2);
  return text.replace("-", "−");
}

/** "61–67 %" or "0.41 to 0.58"; null where there is none. */
export function interval(of: Measured, as: "share" | "coefficient"): string | null {
  if (of.value === null || of.low === null || of.high === null) {
    return null;
  }
  if (as === "share") {
    return `${percent(of.low).replace(" %", "")}–${percent(of.high)}`;
  }
  return `${coefficient(of.low)} to ${coefficient(of.high)}`;
}

/** Whether the whole interval lies on one side of a half. */
export function leavesHalf(of: Measured): boolean {
  return of.low !== null && of.high !== null && (of.low > 0.5 || of.high < 0.5);
}

/** Milliseconds a person took: "0.8 s", "12 s", "3 min 5 s". */
export function took(ms: number): string {
  const seconds = ms / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : lasted(seconds);
}

/** Seconds: "45 s", "3 min 5 s", "2 h 4 min", "3 d 4 h". */
export function lasted(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  const [large, small, of, part] =
    whole < 3600
      ? ["min", "s", 60, 1]
      : whole < 86_400
        ? ["h", "min", 3600, 60]
        : ["d", "h", 86_400, 3600];
  const rest = Math.floor((whole % of) / part);
  return `${Math.floor(whole / of)} ${large}${rest > 0 ? ` ${rest} ${small}` : ""}`;
}

/** Hours still to go: "about 40 minutes", "about 3.5 hours". */
export function hours(value: number): string {
  if (value < 1 / 60) {
    return "less than a minute";
  }
  if (value < 0.95) {
    const minutes = Math.round(value * 60);
    return `about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  }
  const rounded = value < 10 ? Math.round(value * 2) / 2 : Math.round(value);
  return `about ${count(rounded)} ${rounded === 1 ? "hour" : "hours"}`;
}

/** A moment in the reader's own zone: "25 Nov, 14:03", with the year where it is another. */
export function moment(iso: string, now: Date = new Date(), zone?: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) {
    return iso;
  }
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return at.toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    year,
    hour: "2-digit",
    minute: "2-digit",
    timeZone: zone,
  });
}

/** "2026-11-25" → "25 Nov" */
export function day(date: string): string {
  const at = new Date(`${date}T00:00:00Z`);
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}
