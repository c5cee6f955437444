// Numbers and texts as people read them.
import { expect, test } from "vitest";
import * as words from "../../src/admin/words";

test("shares keep the digit that tells them from nothing and from all", () => {
  expect([0, 0.004, 0.634, 0.996, 1].map(words.percent)).toEqual([
    "0 %", "0.4 %", "63 %", "99.6 %", "100 %",
  ]);
});

test("figures of any size keep three digits that count", () => {
  const said = [0, 1234.5, 123.4, 12.34, 1.234, 0.1234, -0.02, 2e6, 0.00012];
  expect(said.map(words.figure)).toEqual([
    "0", "1,235", "123", "12.3", "1.23", "0.123", "−0.02", "2.0e6", "1.2e−4",
  ]);
});

test("coefficients have two digits and no minus nothing", () => {
  expect([0.444, -0.2, -0.001].map(words.coefficient)).toEqual(["0.44", "−0.20", "0.00"]);
});

test("an interval is there where all of it is", () => {
  const of = { value: 0.73, low: 0.61, high: 0.83, n: 41, reason: null };
  expect(words.interval(of, "share")).toBe("61–83 %");
  expect(words.interval(of, "coefficient")).toBe("0.61 to 0.83");
  expect(words.interval({ ...of, low: null }, "share")).toBeNull();
});

test("a side is leant to when the whole interval is on one side", () => {
  const of = { value: 0.6, low: 0.45, high: 0.7, n: 9, reason: null };
  expect(words.leavesHalf(of)).toBe(false);
  expect(words.leavesHalf({ ...of, low: 0.51 })).toBe(true);
  expect(words.leavesHalf({ ...of, low: 0.2, high: 0.4 })).toBe(true);
  expect(words.leavesHalf({ ...of, low: null, high: null })).toBe(false);
});

test("times are said with two units at most", () => {
  expect([800, 9960, 12_000, 185_000].map(words.took)).toEqual([
    "0.8 s", "10.0 s", "12 s", "3 min 5 s",
  ]);
  expect([0, 60, 7440, 86_400, 100_000].map(words.lasted)).toEqual([
    "0 s", "1 min", "2 h 4 min", "1 d", "1 d 3 h",
  ]);
  expect([0.001, 0.5, 0.97, 3.59, 12.4].map(words.hours)).toEqual([
    "less than a minute", "about 30 minutes", "about 1 hour", "about 3.5 hours", "about 12 hours",
  ]);
});

test("moments and days", () => {
  const now = new Date("2026-11-25T12:00:00Z");
  expect(words.moment("2026-11-25T06:03:00.000000+00:00", now, "UTC")).toBe("25 Nov, 06:03");
  expect(words.moment("2025-01-02T06:03:00Z", now, "UTC")).toBe("2 Jan 2025, 06:03");
  expect(words.moment("yesterday", now)).toBe("yesterday");
  expect(words.day("2026-10-07")).toBe("7 Oct");
});

test("what hides or reorders text is named, joiners of emoji stay", () => {
  expect(words.visible("a\u202eb\u0000\u{e0041}")).toBe("a⟨U+202E⟩b⟨U+0000⟩⟨U+E0041⟩");
  expect(words.visible("one\r\ntwo\tthree")).toBe("one\ntwo\tthree");
  expect(words.visible("👩\u200d🚀")).toBe("👩\u200d🚀");
});

test("one is singular", () => {
  expect([0, 1, 2000].map((number) => words.counted(number, "item"))).toEqual([
    "0 items", "1 item", "2,000 items",
  ]);
});
