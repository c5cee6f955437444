"""A policy on servers: its adapter by a name of its own, compared before it is used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rather.config.loading import load
from rather.config.rollouts import Rollouts
from rather.data.batch import Row, pack
from rather.durable import verify
from rather.errors import EnvironmentFault
from rather.models.adapter_files import load_adapter
from rather.models.backbone import Backbone, load_backbone
from rather.models.lora import LoraShape
from rather.models.roles import Policy
from rather.progress import Progress
from rather.records import Message, Prompt
from rather.rollout.requests import Request, Settings
from rather.rollout.vllm.sampler import VllmSampler
from rather.rollout.vllm.server import Server
from rather.stages.reinforcing import ppo
from rather.store import prompts
from rather.workspace import Workspace

Makes = Callable[..., Any]
PROMPT = (5, 6, 7)
SETTINGS = Settings(temperature=0.7, max_new_tokens=3, stop_ids=(2,))


@pytest.fixture
def policy(tiny_backbone: Backbone) -> Policy:
    """With an adapter that changes every logit."""
    names = tiny_backbone.linear_layers.names
    tiny_backbone.add_adapter("learning", LoraShape(4, 8.0, names), seed=3)
    shake(tiny_backbone, seed=3)
    return Policy(tiny_backbone, "learning")


def shake(backbone: Backbone, seed: int) -> None:
    """As an update would, only louder."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in backbone.adapter_parameters("learning").values():
            weight.normal_(0.0, 0.2, generator=generator)


def right(policy: Policy) -> list[float]:
    """What a server with these weights says of the prompt."""
    with torch.no_grad():
        return policy.logprobs(pack([Row(PROMPT[:1], (PROMPT[1:],))]))[0].tolist()


def sampler_on(server: Any, folder: Path, **settings: Any) -> VllmSampler:
    section = Rollouts(engine="vllm", servers=(server.url,), patience_s=5.0, **settings)
    return VllmSampler(section, "tiny", folder, lambda line: None)


def sample(sampler: VllmSampler, policy: Policy) -> Any:
    return sampler(policy, [Request(PROMPT, (1, 2))], SETTINGS, lambda tokens: None)


def test_the_server_is_given_the_adapter_and_asked_for_each_seed(
    standin: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=right(policy))
    found = sample(sampler_on(server, tmp_path), policy)
    assert [[one.ids for one in row] for row in found] == [[(108, 109, 110), (109, 110, 111)]]
    ((name, folder),) = server.seen()["loaded"].items()
    assert Path(folder) == tmp_path.resolve() / name and verify(Path(folder)) == []
    shape, weights = load_adapter(Path(folder), policy.backbone.linear_layers)
    assert shape.rank == 4
    key = next(iter(weights))
    assert torch.equal(weights[key], policy.backbone.adapter_parameters("learning")[key].detach())
    asked = [body for body in server.seen()["bodies"] if "prompt_logprobs" not in body]
    assert sorted(body["seed"] for body in asked) == [1, 2]
    assert {body["model"] for body in asked} == {name}
    assert {body["temperature"] for body in asked} == {0.7}
    assert {tuple(body["prompt"]) for body in asked} == {PROMPT}


def test_a_step_has_a_name_of_its_own_and_the_one_before_goes(
    standin: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=right(policy))
    sampler = sampler_on(server, tmp_path)
    sample(sampler, policy)
    sample(sampler, policy)
    (first,) = server.seen()["loaded"]
    shake(policy.backbone, seed=4)
    server.tell("probe", logprobs=right(policy))
    sample(sampler, policy)
    (second,) = server.seen()["loaded"]
    assert first != second
    assert [path.name for path in tmp_path.iterdir()] == [second]


def test_a_server_with_other_weights_is_not_used(
    standin: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    first, second = right(policy)
    server.tell("probe", logprobs=[first, second - 0.8])  # 0.4 on average
    with pytest.raises(EnvironmentFault, match=r"0\.40 nats a token from the trainer's"):
        sample(sampler_on(server, tmp_path), policy)
    assert all("prompt_logprobs" in body for body in server.seen()["bodies"])


def test_a_server_that_says_no_number_is_not_used(
    standin: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=[float("nan")] * 2)
    with pytest.raises(EnvironmentFault, match="nan nats a token from the trainer's"):
        sample(sampler_on(server, tmp_path), policy)


@pytest.fixture
def whole(tiny_backbone: Backbone) -> Policy:
    """All of whose weights learn."""
    return Policy(tiny_backbone.trainable_copy())


def test_whole_models_are_read_from_a_folder_and_named(
    standin: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=right(whole))
    found = sample(sampler_on(server, tmp_path), whole)
    assert [[one.ids for one in row] for row in found] == [[(108, 109, 110), (109, 110, 111)]]
    seen = server.seen()
    (folder,) = map(Path, seen["read"])
    assert seen["weights"] == folder.name and folder.parent == tmp_path and not seen["is_paused"]
    read = load_backbone(folder, torch.float32, "cpu")
    for name, weight in whole.backbone.model.named_parameters():
        assert torch.equal(read.model.get_parameter(name), weight), name
    assert {body["model"] for body in seen["bodies"]} == {None}


def test_a_whole_model_that_learnt_is_read_anew_and_the_one_before_goes(
    standin: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=right(whole))
    sampler = sampler_on(server, tmp_path)
    sample(sampler, whole)
    sample(sampler, whole)
    assert len(server.seen()["read"]) == 1, "it had these weights already"
    with torch.no_grad():
        next(whole.backbone.model.parameters()).mul_(1.01)
    server.tell("probe", logprobs=right(whole))
    sample(sampler_on(server, tmp_path), whole)  # the command given again, after a kill
    first, second = server.seen()["read"]
    assert first != second
    assert [str(path) for path in tmp_path.glob("whole-*")] == [second]


def test_a_server_started_anew_between_two_completions_is_given_the_whole_model_again(
    standin: Makes, whole: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would answer, with the weights it began with: each completion looks before."""
    server = standin()
    server.tell("probe", logprobs=right(whole))
    complete, asked = Server.complete, []

    def then_anew(self: Server, body: dict[str, Any]) -> Any:
        made = complete(self, body)
        if not asked:
            server.kill()
            server.start()
            server.tell("probe", logprobs=right(whole))
        asked.append(server.seen()["weights"])
        return made

    monkeypatch.setattr(Server, "complete", then_anew)
    sample(sampler_on(server, tmp_path, requests_a_server=1), whole)
    seen = server.seen()
    assert len(seen["read"]) == 1, "the fresh process had to read it"
    assert asked == ["default", seen["weights"]]


def test_a_server_without_such_routes_is_told_of(
    standin: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("weights", name=None)
    with pytest.raises(EnvironmentFault, match=r"takes no whole models: .*VLLM_SERVER_DEV_MODE=1"):
        sample(sampler_on(server, tmp_path), whole)
    assert server.seen()["bodies"] == []


def test_a_whole_model_that_arrived_wrong_is_not_used(
    standin: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    first, second = right(whole)
    server.tell("probe", logprobs=[first, second - 0.8])
    with pytest.raises(EnvironmentFault, match=r"0\.40 nats a token from the trainer's"):
        sample(sampler_on(server, tmp_path), whole)


def test_ppo_learns_from_what_servers_drew(
    standin: Makes, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole verb: every step's adapter is served, and both servers draw for it."""
    one, two = standin(), standin()
    monkeypatch.setattr(VllmSampler, "_compare", lambda *_: None)  # stand-ins know no model
    settings = {
        "model": str(tiny_model),
        "dtype": "float32",
        "rules": {"max_words": 3},
        "ppo": {
            "reward": "rules",
            "advantage": "gae",
            "batch_size": 3,
            "num_completions": 2,
            "num_steps": 2,
            "max_new_tokens": 4,
            "adapter": {"rank": 4, "alpha": 8.0},
            # the stand-ins' log-probabilities are invented
            "rules": {"max_mismatch_kl": None},
        },
        "rollout": {"engine": "vllm", "servers": [one.url, two.url], "requests_a_server": 2},
    }
    with Workspace.create(tmp_path / "ws", load(None, settings), Progress(quiet=True)) as ws:
        asked = [Prompt(f"p{n}", (Message("user", f"Question {n}?"),), "train") for n in range(4)]
        prompts.add(ws.db, asked)
        made = ppo(ws, dry_run=False, fresh=False)
        assert made["version"] == "ppo-1"
        bodies = [body for each in (one, two) for body in each.seen()["bodies"]]
        served = {body["model"] for body in bodies}
        assert len(served) == 2, "each of the two steps has an adapter of its own"
        drawn = [body for body in bodies if "prompt_logprobs" not in body]
        assert len(drawn) == 2 * 3 * 2
