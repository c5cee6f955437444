"""DPO: ln 2 at the start, the chosen gain on the rejected, a killed run ends like a whole one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rather.config.stages import DPO
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.errors import StoppedByRule, UsageError
from rather.models.library import weights_digest
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.rollout.tables import sequence_logprobs
from rather.training.dpo import loss_settings, pair_places, pair_sums, train_dpo, watch_chosen

SECTION = DPO(learning_rate=5e-3, batch_size=4, num_epochs=2, checkpoint_every=2)


def judged_rows() -> list[Judged]:
    """Eight pairs, and four rankings of three."""
    found = []
    for n in range(12):
        generator = torch.Generator().manual_seed(n)
        prompt, a, b, c = (
            tuple(torch.randint(10, 250, (length,), generator=generator).tolist())
            for length in (3, 4, 6, 5)
        )
        if n < 8:
            opinion = Opinion((0, 1), (1, 2) if n % 2 else (2, 1))
            found.append(Judged(Row(prompt, (a, b)), (opinion,)))
        else:
            found.append(Judged(Row(prompt, (a, b, c)), (Opinion((0, 1, 2), (2, 3, 1)),)))
    return found


JUDGED = judged_rows()


def trained(new_tuned: Any, recorded: Any, section: DPO = SECTION) -> Tuned:
    tuned: Tuned = new_tuned()
    train_dpo(section, tuned, Policy(tuned.backbone), JUDGED, recorded.run, seed=1)
    return tuned


@pytest.mark.parametrize(
    ("loss", "start"),
    # ln 2; (0 − 1/(2·0.1))² = 25; max(0, 1 − 0)
    [("sigmoid", 0.693147), ("ipo", 25.0), ("hinge", 1.0)],
)
def test_the_policy_starts_as_its_reference(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], loss: str, start: float
) -> None:
    recorded = new_run()
    trained(new_tuned, recorded, SECTION.model_copy(update={"loss": loss}))
    assert recorded.of("loss")[0] == pytest.approx(start, abs=1e-4)
    for name in ("rewards/chosen", "rewards/rejected", "rewards/margins"):
        assert recorded.of(name)[0] == pytest.approx(0.0, abs=1e-5)
    assert recorded.of("rewards/margins")[-1] > 0.01


def test_the_chosen_gain_on_the_rejected(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    recorded = new_run()
    tuned = trained(new_tuned, recorded, SECTION.model_copy(update={"num_epochs": 6}))
    assert recorded.of("rewards/accuracies")[-1] == 1.0
    assert recorded.of("loss")[-1] < 0.6
    rows = [one.row for one in JUDGED]
    gained = sequence_logprobs(Policy(tuned.backbone, tuned.adapter), rows, 4096)[0]
    gained -= sequence_logprobs(Policy(tuned.backbone), rows, 4096)[0]
    better, worse = pair_places(JUDGED)
    assert (gained[better] > gained[worse]).all()


def test_a_likelihood_term_keeps_the_chosen_likely(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    plain, with_term = new_run("plain"), new_run("nll")
    trained(new_tuned, plain, SECTION.model_copy(update={"num_epochs": 4}))
    more = {"num_epochs": 4, "nll_coefficient": 1.0}
    trained(new_tuned, with_term, SECTION.model_copy(update=more))
    assert with_term.of("logps/chosen")[0] == pytest.approx(plain.of("logps/chosen")[0])
    assert with_term.of("logps/chosen")[-1] > plain.of("logps/chosen")[-1] + 0.3
    # at the start: ln 2 and the mean negative log-likelihood a token, about ln 262 = 5.6
    assert with_term.of("loss")[0] - plain.of("loss")[0] == pytest.approx(5.6, abs=0.6)


def test_the_likelihood_term_counts_every_token_in_full(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    """Whatever LD-DPO makes of tokens beyond the shorter answer in the preference itself."""
    added = []
    for weight in (1.0, 0.0):
        plain, with_term = new_run(f"plain {weight}"), new_run(f"nll {weight}")
        section = SECTION.model_copy(update={"length_weight": weight, "num_epochs": 1})
        trained(new_tuned, plain, section)
        trained(new_tuned, with_term, section.model_copy(update={"nll_coefficient": 1.0}))
        added.append(with_term.of("loss")[0] - plain.of("loss")[0])
    assert added[0] == pytest.approx(added[1], abs=1e-5)


def test_lengths_of_both_sides_are_recorded(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    recorded = new_run()
    trained(new_tuned, recorded, SECTION.model_copy(update={"batch_size": 12, "num_epochs": 1}))
    # the texts have 4, 6 and 5 tokens. Chosen: 4 times 6, 4 times 4, and of 4 rankings 5 + 5 + 4;
    # rejected: 4 times 4, 4 times 6, and 4 + 6 + 6. That is 96 and 104 of 20 pairs.
    assert recorded.of("lengths/chosen") == [pytest.approx(4.8)]
    assert recorded.of("lengths/rejected") == [pytest.approx(5.2)]


def test_places_of_pairs() -> None:
    # rows of 2 and 3: places 0-1 and 2-4; the ranking 3 ≻ 1 ≻ 2 gives three pairs
    chosen, rejected = pair_places([JUDGED[0], JUDGED[8]]).tolist()
    assert list(zip(chosen, rejected, strict=True)) == [(1, 0), (2, 3), (4, 2), (4, 3)]


def test_microbatches_change_nothing(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    found = []
    for tokens in (64, 4096):
        section = SECTION.model_copy(update={"microbatch_tokens": tokens, "adam_epsilon": 1e-3})
        found.append(trained(new_tuned, new_run(str(tokens)), section).parameters)
    for name, one in found[0].items():
        assert torch.allclose(one, found[1][name], atol=1e-6, rtol=0), name


@pytest.mark.slow
@pytest.mark.parametrize("dies_after", [1, 3, 6])
def test_a_killed_run_ends_bit_for_bit_like_a_whole_one(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], dies_after: int
) -> None:
    whole = weights_digest(dict(trained(new_tuned, new_run("whole")).parameters))
    with pytest.raises(KeyboardInterrupt):
        trained(new_tuned, new_run("killed", dies_after))
    assert weights_digest(dict(trained(new_tuned, new_run("killed")).parameters)) == whole


def test_chosen_completions_that_sink_stop_the_run(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    """A learning rate that wrecks the model: chosen and rejected both become unlikely."""
    more = {"learning_rate": 0.3, "num_epochs": 20, "max_chosen_drop": 8.0, "checkpoint_every": 1}
    section = SECTION.model_copy(update=more)
    recorded, tuned = new_run(), new_tuned(tuning="full")
    reference = Policy(new_tuned().backbone)
    with pytest.raises(StoppedByRule, match="nats less likely than under the reference") as stop:
        train_dpo(section, tuned, reference, JUDGED, recorded.run, seed=1)
    assert {alarm.rule for _, alarm in recorded.alarms} == {"chosen"}
    last, alarm = recorded.alarms[-1]
    assert alarm.severity == "stop"
    assert stop.value.kept_step is not None
    assert stop.value.kept_step < last


@pytest.mark.parametrize(
    ("chosen", "margin", "spoken"),
    # beta 0.1: an implicit reward of −1 is 10 nats below the reference; 20 stops, half warns
    [(-0.9, 1.0, []), (-1.1, 1.0, ["warn"]), (-1.1, -1.0, []), (-2.0, -1.0, ["stop"])],
)
def test_where_sinking_warns_and_stops(
    new_run: Callable[..., Any], chosen: float, margin: float, spoken: list[str]
) -> None:
    section, recorded = SECTION.model_copy(update={"max_chosen_drop": 20.0}), new_run()
    metrics = {"rewards/chosen": chosen, "rewards/margins": margin}
    try:
        gauges = watch_chosen(section, recorded.run, 3, metrics)
        assert gauges == {"stop/chosen": pytest.approx(-chosen / 2)}
    except StoppedByRule:
        assert spoken == ["stop"]
    assert [alarm.severity for _, alarm in recorded.alarms] == spoken


@pytest.mark.parametrize(
    ("loss", "more", "start"),
    [
        ("robust", {"label_smoothing": 0.2}, 0.693147),
        ("ipo_mean", {}, 25.0),
        ("dpo_positive", {}, 0.693147),
        ("apo_zero", {}, 1.0),
        ("sigmoid", {"length_weight": 0.5}, 0.693147),
    ],
)
def test_every_loss_starts_at_its_reference(
    new_tuned: Callable[..., Tuned],
    new_run: Callable[..., Any],
    loss: str,
    more: dict[str, float],
    start: float,
) -> None:
    recorded = new_run()
    trained(new_tuned, recorded, SECTION.model_copy(update={"loss": loss, **more}))
    assert recorded.of("loss")[0] == pytest.approx(start, abs=1e-4)
    assert recorded.of("rewards/margins")[-1] > 0.005


@pytest.mark.parametrize("loss", ["simpo", "orpo"])
def test_losses_without_a_reference_never_ask_one(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], loss: str
) -> None:
    tuned, recorded = new_tuned(), new_run()
    nobody: Any = None
    section = SECTION.model_copy(update={"loss": loss, "num_epochs": 4})
    train_dpo(section, tuned, nobody, JUDGED, recorded.run, seed=1)
    assert recorded.of("loss")[-1] < recorded.of("loss")[0]


def test_a_setting_that_a_loss_does_not_take_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"dpo\.target_margin is set, but dpo\.loss: sigmoid has no"
    ):
        loss_settings(SECTION.model_copy(update={"target_margin": 2.0}))
    simpo = SECTION.model_copy(update={"loss": "simpo", "target_margin": 2.0})
    assert loss_settings(simpo) == {"beta": 0.1, "target_margin": 2.0}


def test_tokens_beyond_the_shorter_completion_count_less() -> None:
    logprobs = torch.tensor([[-1.0, -1.0, -1.0], [-2.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    chosen, rejected = pair_sums(logprobs, mask, torch.tensor([[0], [1]]), 0.25)
    # one public token, two that count a quarter
    assert (chosen.item(), rejected.item()) == (-1.5, -2.0)
