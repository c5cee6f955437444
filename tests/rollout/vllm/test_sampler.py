"""A policy on servers: its adapter by a name of its own, compared before it is used."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, closing
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
from rather.models.backbone import Backbone
from rather.models.library import load_backbone
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


@pytest.fixture
def sampler_on() -> Iterator[Makes]:
    """Samplers on a stand-in; all are closed after the test."""
    with ExitStack() as stack:

        def make(
            server: Any, folder: Path, *, hands_whole: bool = False, **settings: Any
        ) -> VllmSampler:
            section = Rollouts(engine="vllm", servers=(server.url,), patience_s=5.0, **settings)
            made = VllmSampler(
                section, "run-1", "tiny", folder, lambda line: None, hands_whole=hands_whole
            )
            return stack.enter_context(closing(made))

        yield make


def sample(sampler: VllmSampler, policy: Policy) -> Any:
    return sampler(policy, [Request(PROMPT, (1, 2))], SETTINGS, lambda tokens: None)


def test_the_server_is_given_the_adapter_and_asked_for_each_seed(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
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
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
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
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    first, second = right(policy)
    server.tell("probe", logprobs=[first, second - 0.8])  # 0.4 on average
    with pytest.raises(EnvironmentFault, match=r"0\.40 nats a token from the trainer's"):
        sample(sampler_on(server, tmp_path), policy)
    assert all("prompt_logprobs" in body for body in server.seen()["bodies"])


def test_a_server_that_says_no_number_is_not_used(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=[float("nan")] * 2)
    with pytest.raises(EnvironmentFault, match="nan nats a token from the trainer's"):
        sample(sampler_on(server, tmp_path), policy)


def test_without_an_adapter_the_servers_own_model_is_compared_and_asked(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    server, backbone = standin(), Policy(policy.backbone)
    server.tell("probe", logprobs=right(backbone))
    sampler = sampler_on(server, tmp_path)
    assert [len(row) for row in sample(sampler, backbone)] == [2]
    seen = server.seen()
    assert seen["loads"] == []
    assert {body["model"] for body in seen["bodies"]} == {"base"}
    server.tell("probe", logprobs=right(policy))  # another backbone's, at the next call
    with pytest.raises(EnvironmentFault, match="see that it serves this workspace's model"):
        sample(sampler, backbone)


def test_flights_are_of_the_policy_as_it_was(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    """Two batches under way, each with its own adapter; one that is landed lets its adapter go."""
    server = standin(0.01)
    sampler = sampler_on(server, tmp_path, max_logprob_gap=99.0)
    requests, tokens = [Request(PROMPT, (1, 2))], list[int]()
    flights = []
    for seed in (4, 5):
        flights.append(sampler.begin(policy, requests, SETTINGS))
        shake(policy.backbone, seed=seed)
    drawn = [[one.ids for one in flight.result(tokens.append)[0]] for flight in flights]
    assert drawn == [[(108, 109, 110), (109, 110, 111)]] * 2
    assert sum(tokens) == 12
    first, second = server.seen()["loads"]
    assert list(server.seen()["loaded"]) == [second]
    assert [path.name for path in tmp_path.iterdir()] == [second]
    asked = [b["model"] for b in server.seen()["bodies"] if "prompt_logprobs" not in b]
    assert asked == [first, first, second, second]  # the one that is wanted first goes first
    sampler.close()
    assert server.seen()["loaded"] == {} and list(tmp_path.iterdir()) == []


def test_a_flight_outlives_its_server(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    """The server dies while nobody waits, and is started anew without the adapter."""
    server = standin(0.02)
    sampler = sampler_on(server, tmp_path, max_logprob_gap=99.0, requests_a_server=2)
    flight = sampler.begin(policy, [Request(PROMPT, tuple(range(30)))], SETTINGS)
    time.sleep(0.3)
    server.kill()
    server.start()
    (row,) = flight.result(lambda tokens: None)
    assert [one.ids[0] for one in row] == [100 + (7 + seed) % 26 for seed in range(30)]
    assert len(server.seen()["loads"]) == 1
    sampler.close()


def test_what_is_broken_off_is_not_waited_for(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("fault", name="500")
    sampler = sampler_on(server, tmp_path, max_logprob_gap=99.0)
    flights = [sampler.begin(policy, [Request(PROMPT, (1,))], SETTINGS) for _ in range(2)]
    flights[0].cancel()
    began = time.monotonic()
    sampler.close()
    assert time.monotonic() - began < 4
    with pytest.raises(CancelledError):
        flights[1].result(lambda tokens: None)


def test_what_a_killed_run_left_is_let_go(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path
) -> None:
    server = standin()
    settings = {"max_logprob_gap": 99.0}
    sample(sampler_on(server, tmp_path, **settings), policy)  # and never closed
    (left,) = server.seen()["loaded"]
    (tmp_path / "run-10-another").mkdir()
    shake(policy.backbone, seed=9)
    sampler = sampler_on(server, tmp_path, **settings)
    sample(sampler, policy)
    (only,) = server.seen()["loaded"]
    assert only != left
    assert {path.name for path in tmp_path.iterdir()} == {only, "run-10-another"}


@pytest.fixture
def whole(tiny_backbone: Backbone) -> Policy:
    """All of whose weights learn."""
    return Policy(tiny_backbone.trainable_copy())


def test_whole_models_are_read_from_a_folder_and_named(
    standin: Makes, sampler_on: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=right(whole))
    found = sample(sampler_on(server, tmp_path, hands_whole=True), whole)
    assert [[one.ids for one in row] for row in found] == [[(108, 109, 110), (109, 110, 111)]]
    seen = server.seen()
    (folder,) = map(Path, seen["read"])
    assert seen["weights"] == folder.name and folder.parent == tmp_path and not seen["is_paused"]
    read = load_backbone(folder, torch.float32, "cpu")
    for name, weight in whole.backbone.model.named_parameters():
        assert torch.equal(read.model.get_parameter(name), weight), name
    assert {body["model"] for body in seen["bodies"]} == {"base"}


def test_a_whole_model_that_learnt_is_read_anew_and_the_one_before_goes(
    standin: Makes, sampler_on: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("probe", logprobs=right(whole))
    sampler = sampler_on(server, tmp_path, hands_whole=True)
    sample(sampler, whole)
    sample(sampler, whole)
    assert len(server.seen()["read"]) == 1, "it had these weights already"
    with torch.no_grad():
        next(whole.backbone.model.parameters()).mul_(1.01)
    server.tell("probe", logprobs=right(whole))
    sample(
        sampler_on(server, tmp_path, hands_whole=True), whole
    )  # the command given again, after a kill
    first, second = server.seen()["read"]
    assert first != second
    assert [str(path) for path in tmp_path.glob("whole-*")] == [second]


def test_whole_models_stay_as_long_as_somebody_draws_from_them(
    standin: Makes, sampler_on: Makes, whole: Policy, tmp_path: Path
) -> None:
    """Two under way: the first that lands leaves the other its folder; closing leaves none."""
    server = standin(0.01)
    sampler = sampler_on(server, tmp_path, hands_whole=True, max_logprob_gap=99.0)
    requests = [Request(PROMPT, (1, 2))]
    first = sampler.begin(whole, requests, SETTINGS)
    with torch.no_grad():
        next(whole.backbone.model.parameters()).mul_(1.01)
    second = sampler.begin(whole, requests, SETTINGS)
    first.result(lambda tokens: None)
    assert len(list(tmp_path.glob("whole-*"))) == 2
    sampler.close()
    assert list(tmp_path.glob("whole-*")) == []
    with pytest.raises(CancelledError):
        second.result(lambda tokens: None)


def test_a_server_started_anew_between_two_completions_is_given_the_whole_model_again(
    standin: Makes,
    sampler_on: Makes,
    whole: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
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
    sample(sampler_on(server, tmp_path, requests_a_server=1, hands_whole=True), whole)
    seen = server.seen()
    assert len(seen["read"]) == 1, "the fresh process had to read it"
    assert asked == ["default", seen["weights"]]


def test_a_server_without_such_routes_is_told_of(
    standin: Makes, sampler_on: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    server.tell("weights", name=None)
    with pytest.raises(EnvironmentFault, match=r"takes no whole models: .*VLLM_SERVER_DEV_MODE=1"):
        sample(sampler_on(server, tmp_path, hands_whole=True), whole)
    assert server.seen()["bodies"] == []


@pytest.mark.parametrize("weights", ["whole-0123-4567", "reading whole-0123-4567"])
def test_a_server_that_a_whole_run_left_is_not_asked_for_adapters(
    standin: Makes, sampler_on: Makes, policy: Policy, tmp_path: Path, weights: str
) -> None:
    """They would sit on other weights, perhaps too near its own to be noticed by the probe."""
    server = standin()
    server.tell("weights", name=weights)
    server.tell("probe", logprobs=right(policy))
    with pytest.raises(EnvironmentFault, match=r"has the weights of a run .*start it anew"):
        sample(sampler_on(server, tmp_path), policy)
    server.tell("weights", name=None)  # as one without such routes, and so with its own weights
    sample(sampler_on(server, tmp_path), policy)


def test_a_whole_model_that_arrived_wrong_is_not_used(
    standin: Makes, sampler_on: Makes, whole: Policy, tmp_path: Path
) -> None:
    server = standin()
    first, second = right(whole)
    server.tell("probe", logprobs=[first, second - 0.8])
    with pytest.raises(EnvironmentFault, match=r"0\.40 nats a token from the trainer's"):
        sample(sampler_on(server, tmp_path, hands_whole=True), whole)


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
        "rollout": {
            "engine": "vllm",
            "servers": [one.url, two.url],
            "requests_a_server": 2,
            "max_completion_ratio": None,
        },
    }
    with Workspace.create(tmp_path / "ws", load(None, settings), Progress(quiet=True)) as ws:
        questions = [
            Prompt(f"p{n}", (Message("user", f"Question {n}?"),), "train") for n in range(4)
        ]
        prompts.add(ws.db, questions)
        made = ppo(ws, dry_run=False, fresh=False)
        assert made["version"] == "ppo-1"
        asked = [body for each in (one, two) for body in each.seen()["bodies"]]
        bodies = [body for body in asked if "prompt_logprobs" not in body]
        drawn = [body for body in bodies if body["temperature"] == 1.0]
        assert len(drawn) == 2 * 3 * 2
        served = {body["model"] for body in drawn}
        assert len(served) == 2, "each of the two steps has an adapter of its own"
        # what is watched is asked of them too: greedily, at the beginning and at the end
        assert len({b["model"] for b in bodies if b["temperature"] == 0.0} - served) == 1
        assert [each.seen()["loaded"] for each in (one, two)] == [{}, {}]
