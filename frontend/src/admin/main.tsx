// The admin pages: who may see them, the way between them, and the one that is open.
import { Items } from "./items/Items";
import { Overview } from "./overview/Overview";
import { Link, Title, Trouble, Words } from "./Parts";
import { People } from "./people/People";
import { Playground } from "./playground/Playground";
import { pageOf, useAddress, type Page } from "./router";
import { Run } from "./runs/Run";
import { Runs } from "./runs/Runs";
import type { Me } from "./types";
import { useLoaded } from "./useLoaded";
import "./style/base.css";
import "./style/forms.css";
import "./style/tables.css";
import "./style/overview.css";
import "./style/items.css";
import "./style/people.css";
import "./style/runs.css";
import "./style/playground.css";
import "./style/small.css";

const PLACES: { name: Page["name"]; to: string; says: string }[] = [
  { name: "overview", to: "/admin", says: "Overview" },
  { name: "items", to: "/admin/items", says: "Items" },
  { name: "people", to: "/admin/people", says: "People" },
  { name: "runs", to: "/admin/runs", says: "Runs" },
  { name: "playground", to: "/playground", says: "Playground" },
];

export default function Admin() {
  const { path, query } = useAddress();
  const page = pageOf(path);
  const { reply: me, trouble, reload } = useLoaded<Me>("/api/me");
  return (
    <div class="admin">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <p class="brand">
          rather{" "}
          {me && (
            <span class="workspace">
              <Words of={me.workspace} />
            </span>
          )}
        </p>
        <nav aria-label="Pages">
          {PLACES.map(({ name, to, says }) => (
            <Link key={name} to={to} class="place" current={page.name === name}>
              {says}
            </Link>
          ))}
          <a class="place" href="/">
            Label
          </a>
        </nav>
      </header>
      <main id="content">
        <Trouble text={trouble} retry={() => void reload()} />
        {me && (me.role === "admin" ? <Open page={page} query={query} me={me} /> : <NotYours />)}
      </main>
    </div>
  );
}

function Open({ page, query, me }: { page: Page; query: URLSearchParams; me: Me }) {
  switch (page.name) {
    case "overview":
      return <Overview />;
    case "items":
      return <Items id={page.id} query={query} />;
    case "people":
      return <People me={me} />;
    case "runs":
      return page.id === null ? <Runs /> : <Run key={page.id} id={page.id} />;
    case "playground":
      return <Playground />;
    case "unknown":
      return (
        <>
          <Title name="No such page">There is no such page</Title>
          <p>
            <Link to="/admin">Go to the overview</Link>
          </p>
        </>
      );
  }
}

function NotYours() {
  return (
    <>
      <Title name="For admins">These pages are for admins</Title>
      <p>
        Ask an admin of this workspace for the role, or <a href="/">go on labelling</a>.
      </p>
    </>
  );
}
