// Starts the page: the labelling page, or (loaded only then) the admin pages.
import { render, type ComponentType } from "preact";
import { App } from "./App";
import "./style.css";

const ADMIN = /^\/(?:admin|playground)(?:\/|$)/;

async function componentOf(path: string): Promise<ComponentType> {
  return ADMIN.test(path) ? (await import("./admin/main")).default : App;
}

const page = document.getElementById("page");
if (page) {
  const Component = await componentOf(location.pathname);
  render(<Component />, page);
}
