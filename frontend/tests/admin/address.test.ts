// Addresses: which page, which filter, which items.
import { expect, test } from "vitest";
import { queryOf } from "../../src/admin/api";
import { addressOf, filterOf, routeOf } from "../../src/admin/items/filter";
import { pageOf } from "../../src/admin/router";

test("every page has its address", () => {
  expect(pageOf("/admin")).toEqual({ name: "overview" });
  expect(pageOf("/admin/")).toEqual({ name: "overview" });
  expect(pageOf("/admin/items")).toEqual({ name: "items", id: null });
  expect(pageOf("/admin/items/a0")).toEqual({ name: "items", id: "a0" });
  expect(pageOf("/admin/people")).toEqual({ name: "people" });
  expect(pageOf("/admin/runs/ppo%2F1")).toEqual({ name: "runs", id: "ppo/1" });
  expect(pageOf("/playground")).toEqual({ name: "playground" });
});

test("everything else is no page", () => {
  const paths = ["/", "/admin/x", "/admin/people/ann", "/admin/items/a/b", "/admin/items/%", "/playground/x"];
  for (const path of paths) {
    expect(pageOf(path)).toEqual({ name: "unknown" });
  }
});

test("a filter survives the way through its address", () => {
  const filter = { state: "flagged", labeller: "ann", query: "a&b = c" } as const;
  const address = addressOf(filter, "a0");
  expect(address).toBe("/admin/items/a0?state=flagged&labeller=ann&query=a%26b+%3D+c");
  expect(filterOf(new URLSearchParams(address.split("?")[1]))).toEqual(filter);
});

test("what says nothing is not in the address, what is unknown is not believed", () => {
  expect(addressOf({ state: "all", labeller: "", query: "" })).toBe("/admin/items");
  expect(filterOf(new URLSearchParams("state=evil&x=1"))).toEqual({
    state: "all", labeller: "", query: "",
  });
});

test("the server is asked for the page after an item", () => {
  const filter = { state: "all", labeller: "", query: "egg" } as const;
  expect(routeOf(filter, null)).toBe("/api/admin/items?query=egg");
  expect(routeOf(filter, "b1")).toBe("/api/admin/items?query=egg&before=b1");
  expect(queryOf({ a: null, b: undefined, c: "" })).toBe("");
});
