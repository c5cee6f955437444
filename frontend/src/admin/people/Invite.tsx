// A new person: a name, a role, and then the link to send them.
import { useState } from "preact/hooks";
import { post } from "../api";
import { Trouble } from "../Parts";
import type { InvitationReply, Role } from "../types";
import { useAct } from "../useAct";

export function Invite({ invited }: { invited: (invitation: InvitationReply) => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("labeller");
  const { isBusy, trouble, run } = useAct();
  const invite = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      const body = { name: name.trim(), role };
      invited(await post<InvitationReply>("/api/admin/people", body));
      setName("");
      setRole("labeller");
    });
  };
  return (
    <section class="card" aria-labelledby="invite">
      <h2 id="invite">Invite somebody</h2>
      <form class="row" onSubmit={invite}>
        <label class="grow">
          Name
          <input
            type="text"
            required
            maxLength={80}
            pattern=".*\S.*"
            autocomplete="off"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label>
          Role
          <select
            value={role}
            onChange={(event) => setRole(event.currentTarget.value as Role)}
          >
            <option value="labeller">Labeller</option>
            <option value="admin">Admin</option>
          </select>
        </label>
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? "Making a link…" : "Make a link"}
        </button>
      </form>
      <Trouble text={trouble} />
    </section>
  );
}
