"""The frontier's numbers by hand, its stages on the tiny model, and its page as published."""

import json
from pathlib import Path
from typing import Any

import pytest

import frontier
from frontier import (
    Size,
    best_of_n_points,
    best_of_n_weights,
    frontier_config,
    main,
    optimum,
    tilt,
    tune,
)
from frontier_page import PAGE, RESULTS, draw, summaries, table
from rather.config.optimization import Adapter
from rather.errors import StoppedByRule
from rather.progress import Progress
from rather.records import Completion

SMALLEST = Size(12, 4, 1, (1, 2), (0.1,), (0.3,))


def test_the_best_of_n_is_exact() -> None:
    # of 0, 1, 2 the pairs are 01, 02, 12: best 1, 2, 2
    assert best_of_n_weights(3, 2) == pytest.approx([0, 1 / 3, 2 / 3])
    # of four, C(i, 1) = 0, 1, 2, 3 of C(4, 2) = 6 pairs have the i-th as their best
    assert best_of_n_weights(4, 2) == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6])
    assert best_of_n_weights(4, 1) == [0.25] * 4  # the mean
    assert best_of_n_weights(4, 4) == [0, 0, 0, 1]  # the largest


def completion(num_tokens: int, has_stopped: bool) -> Completion:
    reason: Any = "stop" if has_stopped else "length"
    return Completion("c", "p", "text", "base", finish_reason=reason, num_tokens=num_tokens)


def test_best_of_n_weighs_everything_alike() -> None:
    first = [(0.0, completion(3, True)), (0.3, completion(6, False)), (0.9, completion(9, True))]
    second = [(-1.0, completion(4, False)), (0.0, completion(4, False)), (1.0, completion(4, True))]
    one, two = best_of_n_points([first, second], (1, 2))
    assert (one["setting"], one["kl"]) == (1, 0)
    assert one["gold"] == pytest.approx(0.2)  # (0.4 + 0) / 2
    assert one["eos_rate"] == pytest.approx(0.5)  # 3 of 6
    assert two["kl"] == pytest.approx(0.193147, abs=1e-6)  # log 2 − 1/2
    # (0.3 + 2·0.9)/3 = 0.7 and (0 + 2·1)/3 = 0.6667, on average 0.68333
    assert two["gold"] == pytest.approx(0.683333, abs=1e-6)
    assert two["mean_length"] == pytest.approx(6.0)  # (6 + 2·9)/3 = 8 and 4
    assert two["eos_rate"] == pytest.approx(2 / 3)  # the last of each, with weight 2/3


def test_a_tilted_distribution() -> None:
    # weights 1 and e^{ln 3} = 3: chances 1/4 and 3/4; ¼·ln ½ + ¾·ln 3/2 = 0.130812
    assert tilt([0.0, 1.098612], 1.0) == pytest.approx((0.130812, 0.823959), abs=1e-5)
    assert tilt([0.5, 0.5, 0.5], 0.1) == pytest.approx((0, 0.5))


def test_the_optimum_rises_until_few_completions_speak() -> None:
    line = optimum([[-1.0, 0.0, 0.0, 0.2, 0.4, 0.5, 0.7, 1.0], [0.1] * 8])
    assert (line[0]["kl"], line[0]["gold"]) == pytest.approx((0, 0.1625))  # (0.225 + 0.1) / 2
    kl, gold = ([one[name] for one in line] for name in ("kl", "gold"))
    assert kl == sorted(kl) and gold == sorted(gold)
    assert len(optimum([[0.0] * 99 + [1.0] * 1] * 2)) < len(line)  # 99 of 100 soon say nothing


def point(method: str, setting: float | None, seed: int, kl: float, gold: float) -> dict[str, Any]:
    one = {"method": method, "setting": setting, "seed": seed, "kl": kl, "gold": gold}
    rest = {"mean_length": 20.0, "eos_rate": 0.25, "base_perplexity": 5.0, "stopped": ""}
    return {**one, **rest}


POINTS = [
    point("ppo", 0.02, 0, 4.0, 0.8),
    point("ppo", 0.2, 0, 1.0, 0.5),
    {**point("ppo", 0.02, 1, 5.0, 0.7), "stopped": "Stopped: enough."},
    point("ppo", 0.2, 1, 1.5, 0.6),
    {**point("best-of-n", 2, 0, 0.193, 0.4), "base_perplexity": None},
    point("base", None, 0, 0.0, 0.3),
    point("base", None, 1, 0.0, 0.2),
]


def test_the_table() -> None:
    assert table(POINTS).splitlines() == [
        "| policy | KL (nats) | gold score | tokens | stops by itself | base perplexity |",
        "|---|---|---|---|---|---|",
        "| base | 0.00 | 0.25 [0.20, 0.30] | 20.0 | 0.25 | 5.0 |",
        "| best of 2 | 0.19 | 0.40 | 20.0 | 0.25 | – |",
        "| PPO, λ = 0.2 | 1.25 [1.00, 1.50] | 0.55 [0.50, 0.60] | 20.0 | 0.25 | 5.0 |",
        "| PPO, λ = 0.02 (a rule stopped 1 of 2) | 4.50 [4.00, 5.00] | 0.75 [0.70, 0.80] "
        "| 20.0 | 0.25 | 5.0 |",
    ]
    assert [row["seeds"] for row in summaries(POINTS)] == [2, 1, 2, 2]


def test_the_figure_is_the_same_each_time(tmp_path: Path) -> None:
    line = [{"kl": 0.0, "gold": 0.25}, {"kl": 1.0, "gold": 0.7}]
    path = {"seed": 0, "setting": 0.2, "kl": [0.0, 1.0], "gold": [0.2, 0.5]}
    result = {"points": POINTS, "paths": [path], "optimum": [line]}
    for name in ("first.svg", "second.svg"):
        draw(result, tmp_path / name)
    text = (tmp_path / "first.svg").read_text("utf-8")
    assert text == (tmp_path / "second.svg").read_text("utf-8")
    assert "λ = 0.02" in text and "n = 2" in text  # matplotlib keeps what it draws as a comment


class Stopping:
    """A project whose DPO is stopped and leaves a version, and whose PPO leaves none."""

    progress = Progress(quiet=True)

    @property
    def workspace(self) -> "Stopping":
        return self

    def dpo(self, beta: float) -> None:
        rule = StoppedByRule("Stopped: enough.")
        rule.version = f"dpo-{beta:g}"
        raise rule

    def ppo(self, kl_coefficient: float) -> None:
        raise StoppedByRule("Stopped: nothing good.")


def test_what_a_rule_stopped_is_shown_as_such() -> None:
    project: Any = Stopping()
    assert list(tune(project, Size(1, 1, 1, (1,), (0.1,), (3.0,)))) == [
        ("dpo-3", {"method": "dpo", "setting": 3.0, "stopped": "Stopped: enough."})
    ]


def test_one_seed_after_another(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = frontier_config(SMALLEST, 0)
    adapter = Adapter(tuning="top_layers", num_top_layers=1)
    tiny = config.model_copy(
        update={
            "model": str(tiny_model),
            "dtype": "float32",
            # what the tiny model says has no sentiment, and ties teach DPO nothing
            "label": config.label.model_copy(update={"simulate": "concision"}),
            "ppo": config.ppo.model_copy(update={"adapter": adapter, "num_minibatches": 1}),
            "dpo": config.dpo.model_copy(update={"adapter": adapter}),
        }
    )
    monkeypatch.setattr(frontier, "QUICK", SMALLEST)
    monkeypatch.setattr(frontier, "frontier_config", lambda size, seed: tiny)
    main(["--quick", "--json", "--workspaces", str(tmp_path)])
    first = json.loads(capsys.readouterr().out)
    methods = [(one["method"], one["setting"]) for one in first["points"]]
    assert methods == [
        ("best-of-n", 1), ("best-of-n", 2), ("base", None), ("ppo", 0.1), ("dpo", 0.3)
    ]  # fmt: skip
    assert all(-1 <= one["gold"] <= 1 for one in first["points"])
    assert [one["kl"] for one in first["points"]][2] == pytest.approx(0, abs=1e-6)
    (path,) = first["paths"]
    assert len(path["kl"]) == len(path["gold"]) == SMALLEST.num_steps
    main(["--quick", "--json", "--workspaces", str(tmp_path)])  # nothing is left to do
    assert json.loads(capsys.readouterr().out)["points"] == first["points"]


def test_the_page_shows_the_results() -> None:
    result = json.loads(RESULTS.read_text("utf-8"))
    assert table(result["points"]) in PAGE.read_text("utf-8")
    methods = {one["method"] for one in result["points"]}
    assert methods == {"base", "best-of-n", "dpo", "ppo"}
    assert len({one["seed"] for one in result["points"]}) >= 2
