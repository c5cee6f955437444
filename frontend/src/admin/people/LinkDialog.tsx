// An invitation's link, shown this once: the server keeps only its hash.
import { useRef, useState } from "preact/hooks";
import { Dialog } from "../Dialog";
import { Words } from "../Parts";
import type { InvitationReply } from "../types";
import { moment } from "../words";

interface Props {
  invitation: InvitationReply;
  close: () => void;
}

export function LinkDialog({ invitation, close }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");
  const link = location.origin + invitation.path;
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(link);
      setSaid("Copied.");
    } catch {
      // Not allowed, or not there without TLS: the text is marked, the person's own keys copy it.
      setSaid("Press Ctrl+C to copy it.");
    }
  };
  return (
    <Dialog title="A link for one person" action="Done" submit={null} close={close}>
      <p>
        Send this to <Words of={invitation.name} />. It logs in whoever opens it first, once, until{" "}
        {moment(invitation.expires_at)}. It is not shown again.
      </p>
      <label>
        Link
        <input
          type="text"
          readOnly
          value={link}
          ref={field}
          onFocus={(event) => event.currentTarget.select()}
        />
      </label>
      <p class="row">
        <button type="button" class="plain" onClick={() => void copy()}>
          Copy the link
        </button>
        <span role="status">{said}</span>
      </p>
    </Dialog>
  );
}
