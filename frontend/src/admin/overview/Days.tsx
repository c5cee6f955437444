// Judgments a day as bars, and the same numbers as a table for whoever wants them read.
import { count, counted, day } from "../words";
import { barsOf } from "./bars";

const WIDTH = 600;
const HEIGHT = 120;

export function Days({ days }: { days: [string, number][] }) {
  const numbers = days.map(([, number]) => number);
  const bars = barsOf(numbers, WIDTH, HEIGHT);
  const total = numbers.reduce((sum, number) => sum + number, 0);
  const top = Math.max(...numbers, 0);
  const first = days[0]?.[0];
  const last = days.at(-1)?.[0];
  const says = `${counted(total, "judgment")} in ${counted(days.length, "day")}, at most ${count(top)} a day`;
  return (
    <div class="days">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={says}>
        <line class="ground" x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {bars.map((bar, place) => {
          const [date = "", number = 0] = days[place] ?? [];
          return (
            <g key={date}>
              <rect class="bar-of-day" {...bar} rx="2" />
              <rect class="reach" x={bar.x} y="0" width={bar.width} height={HEIGHT}>
                <title>{`${day(date)}: ${counted(number, "judgment")}`}</title>
              </rect>
            </g>
          );
        })}
      </svg>
      <p class="ends">
        <span>{first && day(first)}</span>
        <span>{says}</span>
        <span>{last && day(last)}</span>
      </p>
      <details>
        <summary>As a table</summary>
        <div class="wide tall" tabIndex={0} role="region" aria-label="Judgments a day">
          <table>
            <caption class="hidden">Judgments a day (UTC)</caption>
            <thead>
              <tr>
                <th scope="col">Day (UTC)</th>
                <th scope="col" class="number">
                  Judgments
                </th>
              </tr>
            </thead>
            <tbody>
              {days
                .filter(([, number]) => number > 0)
                .map(([date, number]) => (
                  <tr key={date}>
                    <th scope="row">{day(date)}</th>
                    <td class="number">{count(number)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  );
}
