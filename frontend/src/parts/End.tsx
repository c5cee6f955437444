// No task on screen: all done, ahead of the server, paused, or nobody logged in.
import type { ComponentChildren } from "preact";
import type { Progress } from "../contract";
import { messages } from "../messages";
import { Caps } from "./Caps";

const says = messages.end;

function Screen({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="end">
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </main>
  );
}

interface EndProps {
  progress: Progress | null;
  isAdmin: boolean;
  undo: () => void;
}

export function End({ progress, isAdmin, undo }: EndProps) {
  const done = progress?.done ?? 0;
  if ((progress?.remaining ?? 0) > 0) {
    return (
      <Screen title={says.taken}>
        <p>{says.takenHint}</p>
        {done > 0 && <UndoLast undo={undo} />}
      </Screen>
    );
  }
  return (
    <Screen title={done === 0 ? says.nothing : says.done(done)}>
      <p>{done === 0 ? says.nothingHint : says.thanks}</p>
      {isAdmin && (
        <p>
          {says.adminNext} <code>{done === 0 ? "rather sample" : "rather reward"}</code>
        </p>
      )}
      {done > 0 && <UndoLast undo={undo} />}
    </Screen>
  );
}

export function Ahead({ undo }: { undo: () => void }) {
  return (
    <Screen title={says.waiting}>
      <p>{says.waitingHint}</p>
      <UndoLast undo={undo} />
    </Screen>
  );
}

export function Paused({ notice }: { notice: string | null }) {
  return (
    <Screen title={says.paused}>
      {notice && <p class="said">{notice}</p>}
      <p>{says.pausedHint}</p>
    </Screen>
  );
}

export function SignedOut() {
  return (
    <Screen title={says.signedOut}>
      <p>{says.signedOutHint}</p>
    </Screen>
  );
}

export function Loading() {
  return (
    <main class="end loading">
      <p>{messages.loading}</p>
    </main>
  );
}

function UndoLast({ undo }: { undo: () => void }) {
  return (
    <button type="button" class="quiet" onClick={undo}>
      {messages.undo} <Caps of="undo" />
    </button>
  );
}
