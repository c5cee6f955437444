// Scales, lines, gauges, and following a run.
import { expect, test } from "vitest";
import { barsOf } from "../../src/admin/overview/bars";
import { answerAt, stepsOf } from "../../src/admin/runs/comparing";
import { joined } from "../../src/admin/runs/following";
import { gaugeInWords, meterOf } from "../../src/admin/runs/gauge";
import { kept, pathOf, smoothed } from "../../src/admin/runs/line";
import { nearest, placeOf, spanOf, ticksOf } from "../../src/admin/runs/scale";
import type { Gauge, GlimpseInfo, RunReply } from "../../src/admin/types";

test("a span leaves out what is no number and has room around a single one", () => {
  expect(spanOf([3, null, -1, NaN, Infinity])).toEqual({ low: -1, high: 3 });
  expect(spanOf([2, 2])).toEqual({ low: 1.8, high: 2.2 });
  expect(spanOf([0])).toEqual({ low: -1, high: 1 });
  expect(spanOf([null])).toBeNull();
});

test("ticks are round and within", () => {
  expect(ticksOf({ low: 0, high: 1 }, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticksOf({ low: -0.7, high: 1.9 }, 3)).toEqual([0, 1]);
  expect(ticksOf({ low: 1, high: 120 }, 4)).toEqual([50, 100]);
  expect(placeOf(30, { low: 10, high: 50 }, 100)).toBe(50);
});

test("the nearest step", () => {
  expect([-5, 4, 6, 99].map((step) => nearest([0, 5, 10], step))).toEqual([0, 1, 1, 2]);
  expect(nearest([], 1)).toBe(-1);
});

test("smoothing starts where the curve starts and keeps gaps", () => {
  // Half the weight: 4; (0.5·4·0.5 + 0.5·8)... = mean 2, share 0.5 → 4; mean 5, share 0.75 → 6.667.
  expect(smoothed([4, null, 8], 0.5)).toEqual([4, null, 5 / 0.75]);
  expect(smoothed([3, 3, 3]).map((value) => value?.toFixed(6))).toEqual([
    "3.000000", "3.000000", "3.000000",
  ]);
});

test("a line breaks where there is no number", () => {
  const frame = { width: 100, height: 10, x: { low: 0, high: 4 }, y: { low: 0, high: 10 } };
  expect(pathOf([0, 1, 2, 3, 4], [0, 10, null, 5, 5], frame)).toBe(
    "M0.0 10.0L25.0 0.0M75.0 5.0L100.0 5.0",
  );
  expect(pathOf([2], [5], frame)).toBe("M50.0 5.0h0.1");
  expect(pathOf([], [], frame)).toBe("");
});

test("of many points a pixel keeps its extremes", () => {
  const steps = Array.from({ length: 1000 }, (_, place) => place);
  const values = steps.map((step) => (step === 333 ? 9 : step === 666 ? -9 : 0));
  const places = kept(steps, values, { low: 0, high: 999 }, 10);
  expect(places).toContain(333);
  expect(places).toContain(666);
  expect(places.at(-1)).toBe(999);
  expect(places.length).toBeLessThan(50);
  expect([...places].sort((a, b) => a - b)).toEqual(places);
});

function gauge(more: Partial<Gauge>): Gauge {
  return {
    rule: "kl", says: "", value: 0.5, warn_at: 0.5, stop_at: 1, rises: true, state: "quiet", ...more,
  };
}

test("a gauge that rises goes from nothing to a tenth beyond its limit", () => {
  const meter = meterOf(gauge({ value: 0.55 }))!;
  expect([meter.low, meter.high.toFixed(2)]).toEqual([0, "1.10"]);
  expect([meter.value, meter.warn, meter.stop].map((one) => one?.toFixed(3))).toEqual([
    "0.500", "0.455", "0.909",
  ]);
});

test("a gauge that falls has its danger on the right too", () => {
  // From 10 (left) to the limit 2 less a tenth of 8: 1.2.
  const meter = meterOf(gauge({ value: 10, warn_at: 4, stop_at: 2, rises: false }))!;
  expect([meter.value, meter.warn, meter.stop].map((one) => one?.toFixed(3))).toEqual([
    "0.000", "0.682", "0.909",
  ]);
});

test("gauges in words, and without what can never be", () => {
  expect(gaugeInWords(gauge({ value: 0.31 }))).toBe("0.31; warns above 0.5, stops above 1");
  expect(gaugeInWords(gauge({ value: null, warn_at: 2 }))).toBe("no value; stops above 1");
  expect(meterOf(gauge({ warn_at: 2 }))?.warn).toBeNull();
  expect(gaugeInWords(gauge({ value: 3, rises: false, warn_at: 2, stop_at: 1 }))).toBe(
    "3; warns below 2, stops below 1",
  );
  expect(meterOf(gauge({ value: null, warn_at: null, stop_at: null }))).toBeNull();
});

function reply(steps: number[], more: Partial<RunReply> = {}): RunReply {
  const run = {
    id: "r", stage: "ppo", status: "running" as const, started_at: "", finished_at: null,
    message: "", num_steps: 0, version: null,
  };
  const values = steps.map((step) => step * 10);
  const curve = { name: "kl", label: "KL", group: "kl" as const, steps, values };
  const rest = { gauges: [], alarms: [], last_step: steps.at(-1) ?? 0 };
  return { run, curves: [curve], ...rest, ...more };
}

test("new steps are joined to the old, a step that comes twice once", () => {
  const all = joined(reply([1, 2]), reply([2, 3, 4]))!;
  expect(all.curves[0]?.steps).toEqual([1, 2, 3, 4]);
  expect(all.curves[0]?.values).toEqual([10, 20, 30, 40]);
  expect(all.last_step).toBe(4);
  expect(joined(all, reply([], { last_step: 4 }))?.curves[0]?.steps).toEqual([1, 2, 3, 4]);
});

test("a metric that comes later is added, a run that went back is known anew", () => {
  const late = { name: "loss", label: "", group: "loss" as const, steps: [3], values: [1] };
  const all = joined(reply([1, 2]), reply([3], { curves: [late] }))!;
  expect(all.curves.map((curve) => curve.name)).toEqual(["kl", "loss"]);
  expect(joined(reply([1, 2, 3]), reply([1]))).toBeNull();
});

test("alarms are kept once", () => {
  const alarm = { step: 2, rule: "kl", severity: "warn" as const, sentence: "far" };
  const later = { ...alarm, step: 3 };
  const all = joined(reply([1, 2], { alarms: [alarm] }), reply([3], { alarms: [later, alarm] }))!;
  expect(all.alarms.map((one) => one.step)).toEqual([2, 3]);
});

test("answers are compared at the steps there are", () => {
  const at = (step: number) => ({ step }) as GlimpseInfo;
  const answers = [at(0), at(60)];
  const prompt = { html: "", text: "" };
  const prompts = [{ prompt, answers }, { prompt, answers: [at(30)] }];
  expect(stepsOf(prompts)).toEqual([0, 30, 60]);
  expect(answerAt(answers, 30)?.step).toBe(0);
  expect(answerAt([at(30)], 0)).toBeNull();
});

test("bars share the width, a single judgment is visible, none is not", () => {
  expect(barsOf([0, 5, 10], 30, 100)).toEqual([
    { x: 1.25, y: 100, width: 7.5, height: 0 },
    { x: 11.25, y: 50, width: 7.5, height: 50 },
    { x: 21.25, y: 0, width: 7.5, height: 100 },
  ]);
  expect(barsOf([1, 1000], 30, 100)[0]?.height).toBe(2);
  expect(barsOf([], 30, 100)).toEqual([]);
});
