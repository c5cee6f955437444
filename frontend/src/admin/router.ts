// Which admin page an address names, and going to another without loading everything anew.
import { useLayoutEffect, useState } from "preact/hooks";

export type Page =
  | { name: "overview" }
  | { name: "items"; id: string | null }
  | { name: "people" }
  | { name: "runs"; id: string | null }
  | { name: "playground" }
  | { name: "unknown" };

/** The page of a path; ids may hold anything, so they are decoded. */
export function pageOf(path: string): Page {
  const parts = path.split("/").filter((part) => part !== "");
  const [first, second, third, ...more] = parts;
  if (more.length > 0) {
    return { name: "unknown" };
  }
  if (first === "playground" && second === undefined) {
    return { name: "playground" };
  }
  if (first !== "admin") {
    return { name: "unknown" };
  }
  if (second === undefined) {
    return { name: "overview" };
  }
  if (second === "people" && third === undefined) {
    return { name: "people" };
  }
  if (second === "items" || second === "runs") {
    const id = third === undefined ? null : decoded(third);
    return id === "" ? { name: "unknown" } : { name: second, id };
  }
  return { name: "unknown" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

const MOVED = "rather:moved";

/** Goes to an address of these pages; `replace` leaves no step in the browser's history. */
export function goTo(address: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", address);
  } else {
    history.pushState(null, "", address);
  }
  dispatchEvent(new Event(MOVED));
}

/** The address now, path and query. */
export function useAddress(): { path: string; query: URLSearchParams } {
  const [address, setAddress] = useState(location.pathname + location.search);
  useLayoutEffect(() => {
    const look = () => setAddress(location.pathname + location.search);
    addEventListener("popstate", look);
    addEventListener(MOVED, look);
    return () => {
      removeEventListener("popstate", look);
      removeEventListener(MOVED, look);
    };
  }, []);
  const [path = "", query = ""] = address.split("?");
  return { path, query: new URLSearchParams(query) };
}

/** Whether a click on a link of ours is ours: a new tab or window stays the browser's. */
export function isPlainClick(event: MouseEvent): boolean {
  const isModified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  return event.button === 0 && !isModified && !event.defaultPrevented;
}
