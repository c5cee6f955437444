// The same fixed prompts at two steps side by side; the right one follows the run until it is moved.
import { useEffect, useId, useState } from "preact/hooks";
import { Text, Trouble } from "../Parts";
import type { GlimpseInfo, GlimpsesReply, Watched } from "../types";
import { useLoaded } from "../useLoaded";
import { coefficient, count, counted, figure } from "../words";
import { answerAt, stepsOf } from "./comparing";

const EVERY_MS = 10_000;

interface Props {
  id: string;
  lastStep: number;
  isRunning: boolean;
}

export function Answers({ id, lastStep, isRunning }: Props) {
  const path = `/api/admin/runs/${encodeURIComponent(id)}/answers`;
  const { reply, trouble, reload } = useLoaded<GlimpsesReply>(path);
  useEffect(() => {
    if (isRunning) {
      const timer = setInterval(() => void (document.hidden || reload()), EVERY_MS);
      return () => clearInterval(timer);
    }
    // The last answers of a run come with its end.
    void reload();
    return undefined;
  }, [isRunning, reload]);
  const steps = stepsOf(reply?.prompts ?? []);
  return (
    <section aria-labelledby="answers">
      <h2 id="answers">The same prompts over time</h2>
      <Trouble text={trouble} retry={() => void reload()} />
      {reply && steps.length === 0 && (
        <p class="card">
          No answer was kept yet{isRunning && lastStep === 0 ? "; the first one comes soon" : ""}.
        </p>
      )}
      {reply && steps.length > 0 && <Compare prompts={reply.prompts} steps={steps} />}
    </section>
  );
}

function Compare({ prompts, steps }: { prompts: Watched[]; steps: number[] }) {
  const last = steps.length - 1;
  const [left, setLeft] = useState(0);
  // Null: the newest, whatever that is by now.
  const [right, setRight] = useState<number | null>(null);
  const places = { left: Math.min(left, last), right: Math.min(right ?? last, last) };
  return (
    <>
      <div class="side-by-side of-2 sliders">
        <StepSlider says="Left" steps={steps} place={places.left} move={setLeft} />
        <StepSlider
          says="Right"
          steps={steps}
          place={places.right}
          move={(place) => setRight(place === last ? null : place)}
        />
      </div>
      {prompts.map((watched, number) => (
        <section key={number} class="watched" aria-label={`Prompt ${number + 1}`}>
          <div class="turn user">
            <Text of={watched.prompt} />
          </div>
          <div class="side-by-side of-2">
            {[places.left, places.right].map((place, side) => (
              <Glimpse key={side} of={answerAt(watched.answers, steps[place] ?? 0)} />
            ))}
          </div>
        </section>
      ))}
    </>
  );
}

interface SliderProps {
  says: string;
  steps: number[];
  place: number;
  move: (place: number) => void;
}

function StepSlider({ says, steps, place, move }: SliderProps) {
  const id = useId();
  const step = `step ${count(steps[place] ?? 0)}`;
  return (
    <div class="slider">
      <label for={id}>
        {says}: <b>{step}</b>
      </label>
      <input
        id={id}
        type="range"
        min={0}
        max={steps.length - 1}
        step={1}
        value={place}
        aria-valuetext={step}
        disabled={steps.length < 2}
        onInput={(event) => move(Number(event.currentTarget.value))}
      />
    </div>
  );
}

function Glimpse({ of }: { of: GlimpseInfo | null }) {
  if (of === null) {
    return <article class="answer aside">No answer at that step yet.</article>;
  }
  const facts = [
    of.score !== null && `score ${coefficient(of.score)}`,
    of.kl !== null && `KL ${figure(of.kl)}`,
    counted(of.num_tokens, "token"),
    of.is_cut_off && "cut off at the limit",
  ].filter((fact) => fact !== false);
  return (
    <article class="answer">
      <p class="aside">
        <b>Step {count(of.step)}</b> · {facts.join(" · ")}
      </p>
      <Text of={of} />
    </article>
  );
}
