// Starts the page that the address names.
import { render } from "preact";
import { App } from "./App";
import "./style/base.css";
import "./style/label.css";

const page = document.getElementById("page");
const { pathname } = location;

async function start(into: HTMLElement): Promise<void> {
  if (/^\/(admin|playground)(\/|$)/.test(pathname)) {
    const { default: Admin } = await import("./admin/main");
    render(<Admin />, into);
  } else {
    render(<App />, into);
  }
}

if (page) {
  void start(page);
}
