// One person: role, state, sessions, and what can be done about each.
import { useState } from "preact/hooks";
import { post, put, remove } from "../api";
import { Dialog } from "../Dialog";
import { Name, Trouble, Words } from "../Parts";
import type { InvitationReply, PersonInfo, Role } from "../types";
import { useAct } from "../useAct";
import { counted, moment, visible } from "../words";

interface Props {
  of: PersonInfo;
  isMe: boolean;
  done: (says: string) => Promise<void>;
  invited: (invitation: InvitationReply) => void;
}

export function Person({ of, isMe, done, invited }: Props) {
  const [isPausing, setPausing] = useState(false);
  const { isBusy, trouble, run } = useAct();
  const path = `/api/admin/people/${encodeURIComponent(of.id)}`;
  const name = visible(of.name);
  const change = (body: { role?: Role; paused?: string }, says: string) =>
    void run(async () => {
      await put(path, body);
      await done(says);
    });
  const renew = () =>
    void run(async () => invited(await post<InvitationReply>(`${path}/invitations`, {})));
  return (
    <li class="card person" aria-label={name}>
      <div class="who">
        <h2>
          <Name of={of.name} isSimulated={of.is_simulated} />
          {isMe && <span class="tag you">this is you</span>}
        </h2>
        <p class="aside">
          {counted(of.judgments, "judgment")}
          {of.has_open_invitation && " · has a link not used yet"}
        </p>
        {of.paused && (
          <p class="warning">
            Paused: <Words of={of.paused} />
          </p>
        )}
      </div>
      {of.is_simulated ? (
        <p class="aside">A declared simulator: it has no role, no session and no link.</p>
      ) : (
        <div class="row">
          <label>
            Role
            <select
              key={of.role}
              value={of.role}
              disabled={isBusy}
              onChange={(event) => {
                const role = event.currentTarget.value as Role;
                // What is shown is what the server says, until it says something else.
                event.currentTarget.value = of.role;
                change({ role }, `${name} is now ${role === "admin" ? "an admin" : "a labeller"}.`);
              }}
            >
              <option value="labeller">Labeller</option>
              <option value="admin">Admin</option>
            </select>
          </label>
          <button type="button" class="plain" disabled={isBusy} onClick={renew}>
            New link
          </button>
          {of.paused ? (
            <button
              type="button"
              class="plain"
              disabled={isBusy}
              onClick={() => change({ paused: "" }, `${name} goes on.`)}
            >
              Resume
            </button>
          ) : (
            <button
              type="button"
              class="plain"
              disabled={isBusy}
              onClick={() => setPausing(true)}
            >
              Pause
            </button>
          )}
        </div>
      )}
      <Trouble text={trouble} />
      {!of.is_simulated && <Sessions of={of} isMe={isMe} done={done} />}
      {isPausing && (
        <Pause
          name={name}
          close={() => setPausing(false)}
          pause={(reason) => {
            setPausing(false);
            change({ paused: reason }, `${name} is paused.`);
          }}
        />
      )}
    </li>
  );
}

interface PauseProps {
  name: string;
  pause: (reason: string) => void;
  close: () => void;
}

function Pause({ name, pause, close }: PauseProps) {
  const [reason, setReason] = useState("");
  const submit = () => {
    if (reason.trim() !== "") {
      pause(reason.trim());
    }
  };
  return (
    <Dialog title={`Pause ${name}`} action="Pause" submit={submit} close={close}>
      <p>They are asked nothing until you resume them. They will read the reason.</p>
      <label>
        Reason
        <input
          type="text"
          required
          maxLength={200}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
    </Dialog>
  );
}

function Sessions({ of, isMe, done }: Omit<Props, "invited">) {
  const { isBusy, trouble, run } = useAct();
  const { sessions } = of;
  const name = visible(of.name);
  const revoke = (id: string) =>
    void run(async () => {
      await remove(`/api/admin/sessions/${encodeURIComponent(id)}`);
      await done("The session is ended.");
    });
  const revokeAll = () =>
    void run(async () => {
      await remove(`/api/admin/people/${encodeURIComponent(of.id)}/sessions`);
      await done(`${name} is logged out everywhere.`);
    });
  const logOut = () =>
    void run(async () => {
      await post("/api/logout", {});
      location.assign("/");
    });
  return (
    <details class="sessions">
      <summary>{sessions.length === 0 ? "No session" : counted(sessions.length, "session")}</summary>
      <ul>
        {sessions.map((session) => (
          <li key={session.id}>
            <span>
              since <time dateTime={session.created_at}>{moment(session.created_at)}</time>
              {session.is_current && <span class="tag you">this browser</span>}
            </span>
            <button
              type="button"
              class="quiet"
              disabled={isBusy}
              onClick={() => (session.is_current ? logOut() : revoke(session.id))}
            >
              {session.is_current ? "Log out" : "Revoke"}
              <span class="hidden">, session since {moment(session.created_at)}</span>
            </button>
          </li>
        ))}
      </ul>
      {(sessions.length > 0 || of.has_open_invitation) && !isMe && (
        <button type="button" class="quiet" disabled={isBusy} onClick={revokeAll}>
          End every session and open link
        </button>
      )}
      <Trouble text={trouble} />
    </details>
  );
}
