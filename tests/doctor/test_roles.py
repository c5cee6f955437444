"""The reference and the numbers of the policy, with faults planted in the network."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.data.batch import Row
from rather.doctor.finding import Finding
from rather.doctor.patient import NotYet, Patient
from rather.doctor.roles import is_rounding, logprobs, trial_adapter
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import new_judgment
from rather.models.backbone import Backbone
from rather.models.roles import Policy
from rather.records import Labeller
from rather.store import judgments, prompts
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
NewWs = Callable[..., Workspace]
ANN = Labeller("ann", "Ann", is_simulated=False)


def demonstrate(ws: Workspace) -> None:
    """Ann shows what she would have written, for every prompt."""
    given = [
        new_judgment(prompt.id, ANN, Demonstration("Thank you for asking."))
        for prompt in prompts.all(ws.db)
    ]
    judgments.record_many(ws.db, given)


@pytest.mark.parametrize("name", ["adapters off", "packing"])
def test_the_tiny_model_is_well(judged_ws: Workspace, look: Look, name: str) -> None:
    assert look(judged_ws, name).severity == "ok"


def test_an_adapter_that_stays_on_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_to = Backbone.switch_to

    def forgetful(self: Backbone, adapter: Any) -> None:
        """Switches adapters on, never off."""
        switch_to(self, adapter or self._switch.active)

    monkeypatch.setattr(Backbone, "switch_to", forgetful)
    found = look(judged_ws, "adapters off")
    assert found.severity == "problem"
    assert "differ by up to" in found.found


def test_an_adapter_that_is_never_on_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_to = Backbone.switch_to
    monkeypatch.setattr(Backbone, "switch_to", lambda self, _: switch_to(self, None))
    found = look(judged_ws, "adapters off")
    assert found.severity == "problem"
    assert "did not move with the adapter on" in found.found


def test_a_trial_leaves_nothing_behind(judged_ws: Workspace) -> None:
    policy = Patient(judged_ws).policy
    with trial_adapter(policy) as name:
        assert list(policy.backbone.shapes) == [name]
    assert policy.backbone.shapes == {}


def test_before_sft_the_reference_is_the_base(judged_ws: Workspace, look: Look) -> None:
    with pytest.raises(NotYet, match="no sft version; `rather sft` trains one"):
        look(judged_ws, "reference")


def test_an_sft_version_that_nothing_starts_from_is_found(
    judged_ws: Workspace, look: Look, trained: Callable[..., str]
) -> None:
    demonstrate(judged_ws)
    trained(judged_ws, "sft")
    found = look(judged_ws, "reference")
    assert found.severity == "warning"
    assert found.found.startswith("sft-1 is there, but ppo.start and dpo.start is base")
    one = judged_ws.configured({"ppo": {"start": "sft-1"}})
    assert look(one, "reference").found.startswith("sft-1 is there, but dpo.start is base")
    both = judged_ws.configured({"ppo": {"start": "sft-1"}, "dpo": {"start": "sft-1"}})
    found = look(both, "reference")
    assert found.severity == "ok"
    assert found.found.startswith("the reference is the adapter sft-1")


def test_an_sft_adapter_that_does_nothing_is_found(
    new_judged_ws: NewWs, look: Look, trained: Callable[..., str]
) -> None:
    adapter = {"rank": 4, "alpha": 8.0}
    ws = new_judged_ws(
        sft={"learning_rate": 1e-30, "adapter": adapter},
        ppo={"start": "sft-1", "adapter": adapter},
        dpo={"start": "sft-1", "adapter": adapter},
    )
    demonstrate(ws)
    trained(ws, "sft")
    found = look(ws, "reference")
    assert found.severity == "problem"
    assert found.found == "the adapter sft-1 gives the bare model's log-probabilities"


def test_a_whole_model_is_its_own_reference(
    new_judged_ws: NewWs, look: Look, trained: Callable[..., str]
) -> None:
    full = {"tuning": "full"}
    ws = new_judged_ws(sft={"adapter": full}, ppo={"start": "sft-1"}, dpo={"start": "sft-1"})
    demonstrate(ws)
    trained(ws, "sft")
    assert look(ws, "reference").found.startswith("sft-1 is a whole model")


def test_numbers_that_depend_on_the_neighbours_are_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Backbone.hidden

    def leaking(self: Backbone, *arguments: Any, **named: Any) -> Tensor:
        hidden = own(self, *arguments, **named)
        return hidden + hidden.mean(dim=0)

    monkeypatch.setattr(Backbone, "hidden", leaking)
    found = look(judged_ws, "packing")
    assert found.severity == "problem"
    assert found.mend.startswith("set dtype: float32")


@pytest.mark.parametrize(
    ("gaps", "is_rounding_only"),
    [
        ([0.05] * 99 + [0.5], True),  # the embedded model in bfloat16, on unlikely texts
        ([0.5] * 50 + [1.0] * 50, False),  # behind another's prompt all move
        ([0.0] * 99 + [1.1], False),
    ],
)
def test_what_leaks_moves_all(gaps: list[float], is_rounding_only: bool) -> None:
    assert is_rounding(torch.tensor(gaps), torch.bfloat16) == is_rounding_only


def test_one_completion_has_no_neighbours(
    ws: Workspace, look: Look, ask: Callable[..., Any], answer: Callable[..., None]
) -> None:
    answer(ws, ask(ws, "Why?"), "Because.")
    with pytest.raises(NotYet, match="only one completion"):
        look(ws, "packing")


def test_logprobs_are_those_of_the_real_tokens(judged_ws: Workspace) -> None:
    policy: Policy = Patient(judged_ws).policy
    rows = [Row((5, 6), ((7, 8, 9), (7,))), Row((5, 6, 7), ((8, 9),))]
    found = logprobs(policy, rows)
    assert found.shape == (6,)
    assert bool((found < 0).all())
    # a prefix does not know how its completion goes on, and a prompt may be cut anywhere
    torch.testing.assert_close(found[3], found[0])
    torch.testing.assert_close(found[4:6], found[1:3])
