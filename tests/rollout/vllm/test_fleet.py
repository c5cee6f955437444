"""Completions are spread over servers, outlive a server's death, and end where none is left."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rather.errors import EnvironmentFault
from rather.rollout.vllm.fleet import Fleet
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import draw
from rather.rollout.vllm.work import Work

Makes = Callable[..., Any]
NUM_BODIES = 40


def bodies(number: int = NUM_BODIES, model: str = "base") -> list[dict[str, Any]]:
    """Each has a seed of its own, and three tokens."""
    return [
        draw(model, [7, 0], seed, [2], max_tokens=3, temperature=1.0, logprobs=0)
        for seed in range(number)
    ]


def work(number: int = NUM_BODIES, prepare: Any = lambda server: None) -> Work:
    return Work("base", bodies(number), prepare)


@pytest.fixture
def fleet_of() -> Iterator[Makes]:
    """Fleets of stand-ins, each with what it said; all are closed after the test."""
    made: list[Fleet] = []

    def make(*standins: Any, width: int = 2, patience_s: float = 10.0) -> tuple[Fleet, list[str]]:
        said: list[str] = []
        made.append(Fleet([one.url for one in standins], width, patience_s, said.append))
        return made[-1], said

    yield make
    for one in made:
        one.close()


def test_completions_come_in_order_from_all_servers(standin: Makes, fleet_of: Makes) -> None:
    one, two = standin(delay=0.005), standin(delay=0.005)
    tokens: list[int] = []
    found = fleet_of(one, two)[0].complete(work(), tokens.append)
    assert [len(each.ids) for each in found] == [3] * NUM_BODIES
    assert found[1].ids == (101, 102, 103) and found[1].logprobs == (-0.5, -0.5, -0.5)
    assert found[1].finish_reason == "length"
    assert sum(tokens) == 3 * NUM_BODIES
    asked = [sorted(body["seed"] for body in each.seen()["bodies"]) for each in (one, two)]
    assert sorted(asked[0] + asked[1]) == list(range(NUM_BODIES))
    assert min(map(len, asked)) >= NUM_BODIES // 5, "one of them did all the work"


def test_what_a_dying_server_had_goes_to_another(standin: Makes, fleet_of: Makes) -> None:
    one, two = standin(delay=0.02), standin(delay=0.02)
    fleet, said = fleet_of(one, two, width=4)
    timer = threading.Timer(0.4, one.kill)
    timer.start()
    found = fleet.complete(work())
    timer.join()
    assert [len(each.ids) for each in found] == [3] * NUM_BODIES
    assert any(f"{one.url} failed" in line for line in said)


def test_a_server_that_was_started_anew_catches_up(
    standin: Makes, fleet_of: Makes, tmp_path: Any
) -> None:
    """It has forgotten the adapter; it is given it again and goes on."""
    (tmp_path / "adapter_config.json").write_text("{}")
    only = standin(delay=0.02)
    fleet, said = fleet_of(only, width=4)
    prepared: list[float] = []

    def prepare(server: Server) -> None:
        if "step-1" not in server.models():
            server.load("step-1", tmp_path)
            prepared.append(time.monotonic())

    def again() -> None:
        only.kill()
        time.sleep(0.2)
        only.start()

    timer = threading.Timer(0.3, again)
    timer.start()
    found = fleet.complete(Work("step-1", bodies(model="step-1"), prepare))
    timer.join()
    assert [len(each.ids) for each in found] == [3] * NUM_BODIES
    assert len(prepared) == 2
    assert [line.partition(" (")[0] for line in said] == [
        f"{only.url} failed",
        f"{only.url} works again",
    ]


def test_a_server_that_is_gone_before_it_is_asked_is_missed_aloud(
    standin: Makes, fleet_of: Makes
) -> None:
    """Once, however often it is tried, and once more when it is back."""
    only = standin()
    only.kill()
    fleet, said = fleet_of(only)
    timer = threading.Timer(2.5, only.start)
    timer.start()
    assert len(fleet.complete(work(2))) == 2
    timer.join()
    first, second = said
    assert first.startswith(f"{only.url} failed (Connect")
    assert first.endswith("; it is tried again, every second")
    assert second == f"{only.url} works again"


def test_with_no_server_left_it_ends_with_what_each_said(standin: Makes, fleet_of: Makes) -> None:
    one = standin()
    one.kill()
    fleet, _ = fleet_of(one, patience_s=0.5)
    with pytest.raises(EnvironmentFault, match=f"No vLLM server has worked.*{one.url}: Connect"):
        fleet.complete(work())


def test_what_every_server_refuses_is_told(standin: Makes, fleet_of: Makes) -> None:
    one = standin()
    one.tell("fault", name="400")
    with pytest.raises(EnvironmentFault, match=r"refuse a completion \(400 too long for it\)"):
        fleet_of(one)[0].complete(work(2))


def test_a_fault_of_preparing_ends_it_at_once(standin: Makes, fleet_of: Makes) -> None:
    def prepare(server: Server) -> None:
        raise EnvironmentFault("another model")

    with pytest.raises(EnvironmentFault, match="another model"):
        fleet_of(standin())[0].complete(work(prepare=prepare))


def test_what_nobody_wants_any_more_is_not_asked() -> None:
    """Its adapter may be gone already: a refusal would be taken for a failure of the server."""
    dropped = work(2)
    assert dropped.next() == 0
    dropped.cancel()
    assert dropped.next() is None


def test_a_server_is_prepared_while_it_completes_nothing(standin: Makes, fleet_of: Makes) -> None:
    """A real one ends where a prompt is compared beside completions of adapters."""
    server = standin(delay=0.05)
    fleet, _ = fleet_of(server, width=4)
    asked, seen = [0], []

    def ask(one: Server, body: dict[str, Any]) -> Any:
        asked[0] += 1
        try:
            return one.complete(body)
        finally:
            asked[0] -= 1

    def prepare(one: Server) -> None:
        seen.append(asked[0])

    works = [Work(name, bodies(12), prepare, ask) for name in ("base", "other")]
    threads = [threading.Thread(target=fleet.complete, args=(each,)) for each in works]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert seen == [0, 0]
