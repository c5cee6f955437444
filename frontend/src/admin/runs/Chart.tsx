// One metric over steps: its line, smoothed or not, the value under the pointer or the arrow keys.
import { useMemo } from "preact/hooks";
import type { Curve } from "../types";
import { count, figure, visible } from "../words";
import { pathOf, smoothed, type Frame } from "./line";
import { nearest, placeOf, spanOf, ticksOf } from "./scale";
import { useWidth } from "./useWidth";

const HEIGHT = 150;
const LEFT = 52;
const BOTTOM = 22;
const AIR = 8;

interface Props {
  of: Curve;
  isSmooth: boolean;
  /** The step looked at, in every chart the same. */
  step: number | null;
  setStep: (step: number | null) => void;
  alarms: number[];
}

export function Chart({ of, isSmooth, step, setStep, alarms }: Props) {
  const { frame, width } = useWidth<HTMLDivElement>();
  const { steps, values } = of;
  const inner = Math.max(width - LEFT - AIR, 10);
  const { x, y, raw, smooth } = useMemo(() => {
    const [x, y] = [spanOf(steps), spanOf(values)];
    if (x === null || y === null) {
      return { x: null, y: null, raw: "", smooth: "" };
    }
    const of: Frame = { width: inner, height: HEIGHT - BOTTOM - AIR, x, y };
    return { x, y, raw: pathOf(steps, values, of), smooth: pathOf(steps, smoothed(values), of) };
  }, [steps, values, inner]);
  const at = step === null ? steps.length - 1 : nearest(steps, step);
  const name = visible(of.label);
  const shown = values[at] ?? null;
  const look = (event: PointerEvent) => {
    if (x !== null) {
      const left = event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
      const place = nearest(steps, x.low + ((left - LEFT) / inner) * (x.high - x.low));
      setStep(steps[place] ?? null);
    }
  };
  const press = (event: KeyboardEvent) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      setStep(steps[Math.min(Math.max(to, 0), steps.length - 1)] ?? null);
    }
  };
  return (
    <figure class="chart">
      <p class="readout">
        <span>{name}</span>
        <span>
          <b>{shown === null ? "–" : figure(shown)}</b>
          {at >= 0 && <span class="quietly"> step {count(steps[at] ?? 0)}</span>}
        </span>
      </p>
      <div
        ref={frame}
        class="plot"
        tabIndex={0}
        role="slider"
        aria-label={`${name}: step`}
        aria-valuemin={steps[0] ?? 0}
        aria-valuemax={steps.at(-1) ?? 0}
        aria-valuenow={steps[at] ?? 0}
        aria-valuetext={`step ${steps[at] ?? 0}: ${shown === null ? "not a number" : figure(shown)}`}
        onPointerMove={look}
        onPointerLeave={() => setStep(null)}
        onKeyDown={press}
        onBlur={() => setStep(null)}
      >
        {width > 0 && x && y && (
          <svg width={width} height={HEIGHT} aria-hidden="true">
            <g transform={`translate(${LEFT} ${AIR})`}>
              <Axes frame={{ width: inner, height: HEIGHT - BOTTOM - AIR, x, y }} />
              {alarms.map((alarm) => (
                <Upright key={alarm} class="alarm" at={placeOf(alarm, x, inner)} />
              ))}
              <path class={isSmooth ? "line faint" : "line"} d={raw} />
              {isSmooth && <path class="line" d={smooth} />}
              {step !== null && at >= 0 && (
                <Upright class="cursor" at={placeOf(steps[at] ?? 0, x, inner)} />
              )}
            </g>
          </svg>
        )}
        {(!x || !y) && <p class="aside">No number yet.</p>}
      </div>
    </figure>
  );
}

function Upright({ at, ...more }: { at: number; class: string }) {
  return <line x1={at} x2={at} y1="0" y2={HEIGHT - BOTTOM - AIR} {...more} />;
}

function Axes({ frame: { width, height, x, y } }: { frame: Frame }) {
  return (
    <g class="axes">
      {ticksOf(y, 3).map((tick) => {
        const at = height - placeOf(tick, y, height);
        return (
          <g key={tick}>
            <line x1="0" x2={width} y1={at} y2={at} />
            <text x="-8" y={at + 4} text-anchor="end">
              {figure(tick)}
            </text>
          </g>
        );
      })}
      {ticksOf(x, Math.max(width / 90, 2)).map((tick) => (
        <text key={tick} x={placeOf(tick, x, width)} y={height + 17} text-anchor="middle">
          {Number.isInteger(tick) ? count(tick) : ""}
        </text>
      ))}
    </g>
  );
}
