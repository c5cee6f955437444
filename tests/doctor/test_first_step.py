"""PPO's first minibatch: still, and with what would move it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.doctor import first_step
from rather.doctor.finding import Finding
from rather.doctor.patient import Patient
from rather.models.backbone import Backbone
from rather.models.roles import Policy
from rather.records import Prompt
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
NewWs = Callable[..., Workspace]
ADAPTER = {"rank": 4, "alpha": 8.0}


def test_prompts_are_enough(ws: Workspace, look: Look, ask: Callable[..., Prompt]) -> None:
    ask(ws, "Why?")
    found = look(ws, "first step")
    assert found.severity == "ok"
    assert "of 2 fresh completions" in found.found


@pytest.mark.parametrize("tuning", ["lora", "top_layers", "full"])
@pytest.mark.parametrize("num_minibatches", [1, 3])
def test_nothing_has_moved_yet(
    new_judged_ws: NewWs, look: Look, tuning: str, num_minibatches: int
) -> None:
    adapter = {"tuning": tuning, "num_top_layers": 1, **ADAPTER}
    ppo = {"adapter": adapter, "num_minibatches": num_minibatches, "temperature": 0.7}
    assert look(new_judged_ws(ppo=ppo), "first step").severity == "ok"


def test_the_patient_keeps_no_adapter(judged_ws: Workspace) -> None:
    patient = Patient(judged_ws)
    first_step.first_step(patient)
    assert patient.policy.backbone.shapes == {}


def test_a_sampler_at_another_temperature_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = first_step.local.sample

    def hotter(backbone: Any, adapter: Any, requests: Any, settings: Any) -> Any:
        return sample(backbone, adapter, requests, replace(settings, temperature=2.0))

    monkeypatch.setattr(first_step.local, "sample", hotter)
    found = look(judged_ws, "first step")
    assert found.severity == "problem"
    assert found.found.startswith("the sampler draws from another distribution: ")
    assert found.place == "settings"


def test_a_policy_that_does_not_start_as_its_reference_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = first_step._tuning

    @contextmanager
    def moved(start: Policy, patient: Patient) -> Iterator[Any]:
        with tuning(start, patient) as tuned:
            for weight in tuned.parameters.values():
                weight.data += 0.1
            yield tuned

    monkeypatch.setattr(first_step, "_tuning", moved)
    assert look(judged_ws, "first step").found.startswith("the policy is not its reference: ")


def test_dropout_while_learning_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Backbone.hidden

    def dropping(self: Backbone, *arguments: Any, **named: Any) -> Tensor:
        """Drops a tenth of the numbers where a gradient will be taken."""
        hidden = own(self, *arguments, **named)
        return torch.nn.functional.dropout(hidden, 0.1) if torch.is_grad_enabled() else hidden

    monkeypatch.setattr(Backbone, "hidden", dropping)
    torch.manual_seed(0)
    assert look(judged_ws, "first step").found.startswith("the ratio is not 1: ")
