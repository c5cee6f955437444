"""What got worse is told, and noise is not."""

from rather.report.evaluated import PolicyResult
from rather.report.regressions import regressions

N = 100
BASE = PolicyResult(
    "base", is_baseline=True, mean_length=40.0, eos_rate=0.9, base_perplexity=10.0,
    distinct_2=0.5, refusal_rate=0.02, repetitive_rate=0.05, lengths=(40,) * N,
)  # fmt: skip


def policy(**numbers: float) -> PolicyResult:
    same = {
        "mean_length": 40.0, "eos_rate": 0.9, "base_perplexity": 10.0, "distinct_2": 0.5,
        "refusal_rate": 0.02, "repetitive_rate": 0.05,
    }  # fmt: skip
    return PolicyResult("ppo-1", lengths=(40,) * N, **(same | numbers))  # type: ignore[arg-type]


def said(**numbers: float) -> list[str]:
    return [one.replace("\u00a0", " ") for one in regressions(policy(**numbers), BASE)]


def test_nothing_got_worse() -> None:
    assert said() == []
    # 85 of 100 stop: an interval of 77 to 91 % holds the baseline's 90 %
    assert said(eos_rate=0.85, mean_length=48.0, distinct_2=0.42, refusal_rate=0.04) == []


def test_one_answer_of_twelve_is_no_change() -> None:
    base = PolicyResult("base", refusal_rate=0.0, repetitive_rate=0.0, lengths=(9,) * 12)
    one = PolicyResult("ppo-1", refusal_rate=0.0, repetitive_rate=1 / 12, lengths=(9,) * 12)
    assert regressions(one, base) == []


def test_each_loss_has_its_sentence() -> None:
    assert said(mean_length=80.0) == ["Its answers are 2.0 times as long as base's."]
    assert said(mean_length=20.0) == ["Its answers are 0.5 times as long as base's."]
    assert said(eos_rate=0.6) == ["60 % of its answers end by themselves, of base's 90 %."]
    assert said(refusal_rate=0.2) == ["20 % of its answers begin like refusals, of base's 2 %."]
    assert said(repetitive_rate=0.3) == ["30 % of its answers repeat themselves, of base's 5 %."]
    assert said(distinct_2=0.3) == [
        "Its wording is less varied: distinct-2 is 0.30, base's 0.50."
    ]  # fmt: skip
    assert said(base_perplexity=25.0) == [
        "The base model finds its answers 2.5 times as surprising as base's (perplexity)."
    ]


def test_what_was_not_measured_is_not_missed() -> None:
    assert regressions(PolicyResult("ppo-1"), PolicyResult("base")) == []
