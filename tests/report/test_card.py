"""The card: the report's numbers in a head that the Hub's own library reads."""

import pytest
from huggingface_hub import ModelCard

from rather.report.card import About, card
from rather.report.evaluated import PolicyResult, Rate
from rather.report.model import Agreement, Alarm, Collected, Report

ABOUT = About("ppo-1", "ppo", "HuggingFaceTB/SmolLM2-135M-Instruct", True, "base")
REPORT = Report(
    "my-assistant",
    guidelines="Prefer short answers.\nAnd kind ones.",
    num_heldout_prompts=60,
    policies=(
        PolicyResult("base", is_baseline=True, mean_length=40.0, eos_rate=0.9, lengths=(40,) * 60),
        PolicyResult(
            "ppo-1",
            win_rates={"gold": Rate(0.8, 0.7, 0.9, 60)},
            length_controlled={"gold": Rate(0.75, 0.6, 0.86, 60)},
            means={"gold": 0.61},
            kl=7.5,
            mean_length=20.0,
            eos_rate=0.95,
            lengths=(20,) * 60,
        ),
    ),
    collected=(
        Collected("Ann", False, {"pair": 70}),
        Collected("Bob", False, {"pair": 50}),
        Collected("sim", True, {"pair": 1000}),
    ),
    agreement=(Agreement("pair", Rate(0.74, 0.6, 0.85, 31), None),),
    alarms=(
        Alarm("ppo-1", "kl", True, 1, 9, "the KL left its limit."),
        Alarm("x", "kl", True, 1, 1, "other."),
    ),
)  # fmt: skip


def test_the_hub_reads_its_numbers() -> None:
    read = ModelCard(card(ABOUT, REPORT))
    assert read.data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert read.data.library_name == "peft"
    assert {"rlhf", "ppo", "base_model:adapter:HuggingFaceTB/SmolLM2-135M-Instruct"} <= set(
        read.data.tags or []
    )
    found = {one.metric_name: one.metric_value for one in read.data.eval_results or []}
    assert found == {
        "Win rate against base, gold score": 0.8,
        "Win rate against base at equal length, gold score": 0.75,
        "Mean gold score": 0.61,
        "KL to the reference, nats an answer": 7.5,
        "Tokens an answer": 20.0,
        "Answers that end by themselves": 0.95,
    }
    (rate, *_) = read.data.eval_results or []
    assert rate.metric_args == {"low": 0.7, "high": 0.9, "n": 60}
    assert rate.dataset_name == "60 held-out prompts of my-assistant"


def test_it_says_what_it_is_worth_and_where_it_comes_from() -> None:
    text = card(ABOUT, REPORT).replace("\u00a0", " ")
    assert "A LoRA adapter tuned by PPO from base on HuggingFaceTB/SmolLM2-135M-Instruct." in text
    assert "ppo-1 beats base 80 % of the time (95 % interval 70–90 %)." in text
    assert "| gold score | 80 % (70–90 %) | 75 % (60–86 %) | 60 |" in text
    assert "- Its answers are 0.5 times as long as base's." in text
    assert "- 120 judgments by 2 labellers." in text
    assert "- 1 000 judgments by 1 simulated labellers (programs).".replace(" 0", "\u202f0") in text
    assert "- What it prefers are the preferences of these labellers." in text
    assert "- Two people say the same about 74 % (60–85 %) of the pairs." in text
    assert "> Prefer short answers.\n> And kind ones." in text
    assert "- Stopped by a rule: the KL left its limit." in text
    assert "other." not in text


def test_a_whole_model_that_was_promoted_and_never_evaluated() -> None:
    about = About("sft-3", "sft", "my-model", False, "base", "a checkpoint of sft-1: because.")
    text = card(about, Report("x"))
    read = ModelCard(text)
    assert (read.data.library_name, read.data.eval_results) == ("transformers", None)
    assert "It is a checkpoint of sft-1: because." in text
    assert "Did it get better" not in text


@pytest.mark.parametrize("name", ["ppo-1", "ppo-2"])
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    about = About(name, "ppo", "b", True, "base")
    assert card(about, REPORT) == card(about, REPORT)
