// A better text for one answer, with what it changes shown word by word.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Pieces } from "../../parts/Diff";
import { visible } from "../words";

interface Props {
  number: number;
  before: string;
  isBusy: boolean;
  store: (text: string) => void;
  close: () => void;
}

export function Correct({ number, before, isBusy, store, close }: Props) {
  const [text, setText] = useState(before);
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const isChanged = text !== before && text.trim() !== "";
  return (
    <form
      class="card ask correct"
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged) {
          store(text);
        }
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          close();
        }
      }}
    >
      <label>
        Answer {number}, as it should be
        <textarea
          ref={field}
          rows={8}
          dir="auto"
          maxLength={200_000}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {isChanged && (
        <>
          <p class="quietly">What changes</p>
          <Pieces before={visible(before)} after={visible(text)} />
        </>
      )}
      <div class="row">
        <button type="submit" class="primary" disabled={!isChanged || isBusy}>
          Store the correction
        </button>
        <button type="button" class="quiet" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}
