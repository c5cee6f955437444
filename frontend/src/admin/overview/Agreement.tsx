// How far people agree, and what that means for a reward model.
import { Figure, Name } from "../Parts";
import type { Agreement as AgreementReply, Kind, Labelled, Measured } from "../types";
import { coefficient, counted, interval, percent, visible } from "../words";

interface Props {
  of: AgreementReply;
  people: Labelled[];
  kind: Kind;
}

export function Agreement({ of, people, kind }: Props) {
  return (
    <section class="card" aria-labelledby="agreement">
      <h2 id="agreement">Agreement between people</h2>
      <p class="aside">
        Over {counted(of.num_items, "item")} that at least two people judged; intervals hold 95 %.
      </p>
      <dl class="facts">
        <div>
          <dt>Say the same</dt>
          <dd>
            <Figure of={of.raw} as="share" />
          </dd>
        </div>
        <div>
          <dt>
            Krippendorff’s α <span class="quietly">{kind === "ranking" ? "ordinal" : "nominal"}</span>
          </dt>
          <dd>
            <Figure of={of.alpha} as="coefficient" />
          </dd>
        </div>
        <div>
          <dt>Ceiling of a reward model</dt>
          <dd>
            <Figure of={of.ceiling} as="share" />
          </dd>
        </div>
      </dl>
      <p>{ceilingOf(of.ceiling)}</p>
      {of.labellers.length > 1 && (
        <>
          <p class="aside">
            Cohen’s κ of each two people: 1 is always the same, 0 no more than by chance, n the
            items both judged.
          </p>
          <Kappa of={of} people={people} />
        </>
      )}
    </section>
  );
}

function ceilingOf(ceiling: Measured): string {
  if (ceiling.value === null) {
    return (
      "The ceiling is how often one person’s choice agrees with another’s; " +
      "no reward model can be measured as better than that on these judgments."
    );
  }
  const share = percent(ceiling.value);
  return (
    `One person’s choice agrees with another’s ${share} of the time, so even a perfect reward ` +
    `model would score about ${share} on these judgments: much more than that is a sign of a ` +
    "leak, not of a better model."
  );
}

function Kappa({ of, people }: { of: AgreementReply; people: Labelled[] }) {
  const named = of.labellers.map((id) => {
    const person = people.find((one) => one.id === id);
    return { id, name: person?.name ?? id, isSimulated: person?.is_simulated ?? false };
  });
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Cohen’s κ of each two people">
      <table class="kappa">
        <caption class="hidden">Cohen’s κ of each two people</caption>
        <thead>
          <tr>
            <td />
            {named.map((one) => (
              <th scope="col" key={one.id}>
                <Name of={one.name} isSimulated={one.isSimulated} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {named.map((one, row) => (
            <tr key={one.id}>
              <th scope="row">
                <Name of={one.name} isSimulated={one.isSimulated} />
              </th>
              {named.map((other, column) => (
                <Cell key={other.id} of={of.kappa[row]?.[column] ?? null} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ of }: { of: Measured | null }) {
  if (of === null) {
    return (
      <td class="self">
        <span class="hidden">the same person</span>
      </td>
    );
  }
  if (of.value === null) {
    return (
      <td class="none">
        not computable
        <small>{visible(of.reason ?? "no reason was given")}</small>
      </td>
    );
  }
  const between = interval(of, "coefficient");
  return (
    <td class={`heat heat-${heatOf(of.value)}`}>
      {coefficient(of.value)}
      <small>{between ? `${between} · n ${of.n}` : `n ${of.n}`}</small>
    </td>
  );
}

/** 0 (no better than chance) to 4 (nearly always): how strong the shade is. */
export function heatOf(kappa: number): 0 | 1 | 2 | 3 | 4 {
  if (kappa < 0.2) {
    return 0;
  }
  return kappa < 0.4 ? 1 : kappa < 0.6 ? 2 : kappa < 0.8 ? 3 : 4;
}
