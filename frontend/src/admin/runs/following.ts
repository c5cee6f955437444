// What is known of a run, and how a reply about its newer steps joins it.
import type { AlarmInfo, Curve, RunReply } from "../types";

/** The reply with everything known before it; a run that has gone back is known anew (null). */
export function joined(known: RunReply | null, fresh: RunReply): RunReply | null {
  if (known === null) {
    return fresh;
  }
  if (fresh.last_step < known.last_step) {
    return null;
  }
  return { ...fresh, curves: curvesOf(known, fresh), alarms: alarmsOf(known, fresh) };
}

function curvesOf(known: RunReply, fresh: RunReply): Curve[] {
  const news = new Map(fresh.curves.map((curve) => [curve.name, curve]));
  const old = new Set(known.curves.map((curve) => curve.name));
  const longer = known.curves.map((curve) => {
    const more = news.get(curve.name);
    const last = curve.steps.at(-1) ?? -Infinity;
    // A step that comes twice counts once.
    const from = more?.steps.findIndex((step) => step > last) ?? -1;
    if (more === undefined || from < 0) {
      return curve;
    }
    return {
      ...more,
      steps: [...curve.steps, ...more.steps.slice(from)],
      values: [...curve.values, ...more.values.slice(from)],
    };
  });
  return [...longer, ...fresh.curves.filter((curve) => !old.has(curve.name))];
}

function alarmsOf(known: RunReply, fresh: RunReply): AlarmInfo[] {
  const nameOf = ({ step, rule, severity }: AlarmInfo) => `${step} ${severity} ${rule}`;
  const all = new Map([...known.alarms, ...fresh.alarms].map((alarm) => [nameOf(alarm), alarm]));
  return [...all.values()].sort((a, b) => a.step - b.step);
}
