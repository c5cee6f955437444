"""SFT: the likelihood rises, microbatches change nothing, a killed run ends like a whole one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rather.config.stages import SFT
from rather.data.batch import Row, pack
from rather.models.library import weights_digest
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.training.sft import negative_log_likelihood, train_sft

ROWS = [Row(tuple(range(10, 12 + n)), (tuple(range(100 + n, 103 + 2 * n)),)) for n in range(12)]
SECTION = SFT(learning_rate=1e-2, batch_size=4, num_epochs=2, checkpoint_every=2)


def trained(new_tuned: Any, recorded: Any, section: SFT = SECTION) -> Tuned:
    tuned: Tuned = new_tuned(tuning=section.adapter.tuning)
    train_sft(section, tuned, ROWS, recorded.run, seed=1)
    return tuned


def test_the_first_loss_is_the_base_models(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = SFT(batch_size=12, learning_rate=1e-6)
    recorded = new_run()
    trained(new_tuned, recorded, section)
    tuned = new_tuned()
    losses = []
    for row in ROWS:  # token by token, each row on its own
        with torch.no_grad():
            losses += (-Policy(tuned.backbone).logprobs(pack([row]))).flatten().tolist()
    assert recorded.of("num_tokens") == [len(losses)] == [sum(3 + n for n in range(12))]
    assert recorded.of("loss") == pytest.approx([sum(losses) / len(losses)], abs=1e-5)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_the_likelihood_rises(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], tuning: str
) -> None:
    section = SFT(learning_rate=1e-2, batch_size=4, num_epochs=5, adapter={"tuning": tuning})  # type: ignore[arg-type]
    recorded = new_run()
    tuned = trained(new_tuned, recorded, section)
    losses = recorded.of("loss")
    assert losses[-1] < 0.8 * losses[0]
    with torch.no_grad():
        after = negative_log_likelihood(Policy(tuned.backbone, tuned.adapter), pack(ROWS))
        base = negative_log_likelihood(Policy(new_tuned().backbone), pack(ROWS))
    assert after < 0.8 * base


def test_microbatches_change_nothing(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    weights = []
    for tokens in (64, 4096):
        section = SECTION.model_copy(update={"microbatch_tokens": tokens, "adam_epsilon": 1e-3})
        weights.append(trained(new_tuned, new_run(str(tokens)), section).parameters)
    for name, one in weights[0].items():
        assert torch.allclose(one, weights[1][name], atol=1e-6, rtol=0), name


@pytest.mark.slow
@pytest.mark.parametrize("dies_after", [1, 3, 4])
def test_a_killed_run_ends_bit_for_bit_like_a_whole_one(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], dies_after: int
) -> None:
    whole = weights_digest(dict(trained(new_tuned, new_run("whole")).parameters))
    with pytest.raises(KeyboardInterrupt):
        trained(new_tuned, new_run("killed", dies_after))
    assert weights_digest(dict(trained(new_tuned, new_run("killed")).parameters)) == whole
    assert weights_digest(dict(new_tuned().parameters)) != whole


def test_the_prompt_is_learnt_only_when_asked(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = SFT(batch_size=12, loss_on_prompt=True)
    recorded = new_run()
    trained(new_tuned, recorded, section)
    # prompts of 2..13 tokens join in, all but the first token of each
    prompt_tokens = sum(1 + n for n in range(12))
    assert recorded.of("num_tokens") == [sum(3 + n for n in range(12)) + prompt_tokens]
