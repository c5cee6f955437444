// The order so far: places with the answers in them, to be dragged from one to another.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { letterOf, nudged, type Ranks, tiers } from "../logic/ranking";
import { messages } from "../messages";

const says = messages.ranking;
/** Less than this is a press, not a drag. */
const STILL_PX = 6;

interface Props {
  ranks: Ranks;
  rank: (place: number, to: number | null) => void;
  go: (place: number) => void;
}

interface Drag {
  place: number;
  x: number;
  y: number;
  isMoving: boolean;
}

export function RankStrip({ ranks, rank, go }: Props) {
  const [over, setOver] = useState<string | null>(null);
  const drag = useRef<Drag | null>(null);
  const strip = useRef<HTMLDivElement>(null);
  const nudging = useRef<number | null>(null);
  const { ranked, unranked } = tiers(ranks);

  const begin = (event: PointerEvent, place: number) => {
    if (event.button === 0 && event.currentTarget instanceof HTMLElement) {
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { place, x: event.clientX, y: event.clientY, isMoving: false };
    }
  };
  const move = (event: PointerEvent) => {
    const now = drag.current;
    if (!now || !(event.currentTarget instanceof HTMLElement)) {
      return;
    }
    const [dx, dy] = [event.clientX - now.x, event.clientY - now.y];
    now.isMoving ||= Math.hypot(dx, dy) > STILL_PX;
    if (now.isMoving) {
      event.currentTarget.style.transform = `translate(${dx}px, ${dy}px)`;
      setOver(slotAt(event));
    }
  };
  const end = (event: PointerEvent) => {
    const now = drag.current;
    drag.current = null;
    setOver(null);
    if (!now || !(event.currentTarget instanceof HTMLElement)) {
      return;
    }
    event.currentTarget.style.transform = "";
    const slot = now.isMoving && event.type === "pointerup" ? slotAt(event) : null;
    if (slot !== null) {
      rank(now.place, slot === "none" ? null : Number(slot));
    } else if (!now.isMoving) {
      go(now.place);
    }
  };
  const press = (event: KeyboardEvent, place: number) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : null;
    if (by !== null) {
      event.preventDefault();
      event.stopPropagation();
      nudging.current = place;
      rank(place, nudged(ranks, place, by)[place] ?? null);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      go(place);
    }
  };

  useLayoutEffect(() => {
    // What moved by key is a new element in its new place; the focus goes along.
    if (nudging.current !== null) {
      strip.current?.querySelector<HTMLElement>(`[data-chip="${nudging.current}"]`)?.focus();
      nudging.current = null;
    }
  }, [ranks]);

  const slots = ranked.map((places, one) => ({ id: String(one + 1), places }));
  const chip = (place: number) => (
    <button
      key={place}
      data-chip={place}
      type="button"
      class="chip"
      aria-label={says.chip(letterOf(place))}
      onPointerDown={(event) => begin(event, place)}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={(event) => press(event, place)}
    >
      {letterOf(place)}
    </button>
  );
  return (
    <div ref={strip} class={`strip of-${ranks.length}`} role="group" aria-label={says.order} title={says.drag}>
      {[{ id: "none", places: unranked }, ...slots].map(({ id, places }) => (
        <div
          key={id}
          class={`slot ${id === "none" ? "tray" : ""} ${over === id ? "over" : ""}`}
          data-rank={id}
        >
          <span class="place">{id === "none" ? "?" : says.place(Number(id))}</span>
          {places.map(chip)}
        </div>
      ))}
    </div>
  );
}

/** The place under the pointer, through what is dragged. */
function slotAt(event: PointerEvent): string | null {
  for (const element of document.elementsFromPoint(event.clientX, event.clientY)) {
    const slot = element.closest<HTMLElement>("[data-rank]");
    if (slot && !element.classList.contains("chip")) {
      return slot.dataset["rank"] ?? null;
    }
  }
  return null;
}
