// Optional questions beside the overall choice: each A, B or tie.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { PairSaid } from "../contract";
import { messages } from "../messages";
import { CapList, Caps } from "../parts/Caps";

export type DimensionsSaid = PairSaid["dimensions"];
type Side = DimensionsSaid[string];
const SIDES: readonly Side[] = ["A", "tie", "B"];
const CAP: Record<Side, string> = { A: "1", tie: "3", B: "2" };

/** What a digit means while the keys are at these questions. */
export function sideOf(digit: number | null): Side | null {
  return digit === 1 ? "A" : digit === 2 ? "B" : digit === 3 || digit === 0 ? "tie" : null;
}

interface Props {
  names: string[];
  said: DimensionsSaid;
  /** The one that the digits answer now. */
  active: number | null;
  set: (place: number, side: Side | null) => void;
}

export function Dimensions({ names, said, active, set }: Props) {
  const row = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (active !== null) {
      row.current?.scrollIntoView({ block: "nearest" });
    }
  }, [active]);
  if (names.length === 0) {
    return null;
  }
  const says = messages.dimensions;
  return (
    <section class="dimensions" aria-label={says.title}>
      <h3>
        {says.title} <Caps of="dimensions" />
      </h3>
      {names.map((name, place) => (
        <div
          key={name}
          ref={active === place ? row : null}
          class={`dimension ${active === place ? "current" : ""}`}
          role="group"
          aria-label={says.answers(name)}
        >
          <span class="name" aria-hidden="true">
            {name}
          </span>
          {SIDES.map((side) => (
            <button
              key={side}
              type="button"
              class={`side ${said[name] === side ? "picked" : ""}`}
              aria-pressed={said[name] === side}
              onClick={() => set(place, said[name] === side ? null : side)}
            >
              {side === "tie" ? says.tie : side}
              {active === place && <CapList caps={[CAP[side]]} />}
            </button>
          ))}
        </div>
      ))}
    </section>
  );
}
