// Everybody who labels or administers: inviting, roles, pauses, sessions.
import { useState } from "preact/hooks";
import { Said, Title, Trouble } from "../Parts";
import type { InvitationReply, Me, PeopleReply } from "../types";
import { useLoaded } from "../useLoaded";
import { Invite } from "./Invite";
import { LinkDialog } from "./LinkDialog";
import { Person } from "./Person";

export function People({ me }: { me: Me }) {
  const { reply, trouble, reload } = useLoaded<PeopleReply>("/api/admin/people");
  const [link, setLink] = useState<InvitationReply | null>(null);
  const [said, setSaid] = useState("");
  const done = async (says: string) => {
    setSaid(says);
    await reload();
  };
  const invited = (invitation: InvitationReply) => {
    setLink(invitation);
    setSaid("");
    void reload();
  };
  return (
    <>
      <div class="heading">
        <Title name="People">People</Title>
      </div>
      <Invite invited={invited} />
      <Trouble text={trouble} retry={() => void reload()} />
      <Said text={said} />
      {reply && (
        <ul class="folk">
          {reply.people.map((person) => (
            <Person
              key={person.id}
              of={person}
              isMe={person.id === me.id}
              done={done}
              invited={invited}
            />
          ))}
        </ul>
      )}
      {link && <LinkDialog invitation={link} close={() => setLink(null)} />}
    </>
  );
}
