// The keys of an action, drawn as caps; nothing where single keys are turned off.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { type Action, capsOf } from "../logic/keys";
import type { Kind } from "../types";

export interface KeyWorld {
  kind: Kind;
  hasSingleKeys: boolean;
}

export const Keys = createContext<KeyWorld>({ kind: "pair", hasSingleKeys: true });

export function Caps({ of }: { of: Action }) {
  const { kind, hasSingleKeys } = useContext(Keys);
  const caps = capsOf(of, kind).filter((cap) => hasSingleKeys || cap.length > 2);
  return <CapList caps={caps} />;
}

export function CapList({ caps }: { caps: readonly string[] }) {
  if (caps.length === 0) {
    return null;
  }
  return (
    <span class="caps" aria-hidden="true">
      {caps.map((cap) => (
        <kbd key={cap}>{cap}</kbd>
      ))}
    </span>
  );
}
