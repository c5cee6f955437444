"""Best of n under the reward model: what choosing alone would gain, before anything is tuned."""

from collections.abc import Sequence
from typing import Any

from rather.equations.best_of_n import best_of_n
from rather.equations.kl import best_of_n_kl
from rather.errors import UsageError
from rather.evaluation.statistics import mean
from rather.models.library import Library
from rather.records import Prompt
from rather.stages.measuring import scoring
from rather.stages.measuring.answers import Hand, answer
from rather.workspace import Workspace

PROXY = "reward"


def best_of(ws: Workspace, library: Library, hand: Hand, asked: Sequence[Prompt]) -> dict[str, Any]:
    """What the best of 1, 2, 4, ... answers by the reward model scores under every scorer.

    Its KL is at most log n − (n − 1)/n, so it stands beside tuned policies on the frontier.
    """
    number = ws.config.evaluate.best_of_n
    assert number is not None, "asked for"
    scorers = scoring.scorers(ws, library, hand.codec, asked)
    if PROXY not in scorers:
        raise UsageError(
            "evaluate.best_of_n chooses by a reward model: train one with `rather reward`, or "
            "name one with evaluate.reward."
        )
    rows = answer(ws, hand, asked, number).rows
    scores = {role: scorer(rows) for role, scorer in scorers.items()}
    sizes = [n for n in (2**power for power in range(number.bit_length())) if n < number]
    return {
        "best_of_n": {
            "model": hand.name,
            "num_answers": number,
            "points": [
                {
                    "n": n,
                    "kl": best_of_n_kl(n),
                    "means": {
                        role: mean(
                            [
                                best_of_n(proxies, targets, n)
                                for proxies, targets in zip(scores[PROXY], given, strict=True)
                            ]
                        )
                        for role, given in scores.items()
                    },
                }
                for n in [*sizes, number]
            ],
        }
    }


def sentences(result: dict[str, Any]) -> list[str]:
    """What it found, in a clause; none where it was not asked for."""
    found = result.get("best_of_n")
    if found is None:
        return []
    first, last = found["points"][0], found["points"][-1]
    gains = ", ".join(
        f"{role} from {first['means'][role]:.3g} to {last['means'][role]:.3g}"
        for role in last["means"]
    )
    return [
        f"choosing the best of {last['n']} answers of {found['model']} (KL at most "
        f"{last['kl']:.2f} nats) raises {gains}"
    ]
