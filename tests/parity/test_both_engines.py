"""One table of requests, sent by OpenAI's client to `rather serve` with either engine.

`make test-vllm` asks both; without vLLM our own engine is asked alone. Both work in bfloat16, whose
roundings differ between them: where greedy texts part, the two tokens must be a tie, which is told
from what either engine says of both: less than `TIE` nats apart.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import openai
import pytest
from openai import OpenAI

from benchmarks.serving.workspace import make_workspace
from rather.store.serving import aliases, api_keys
from rather.workspace import Workspace

PYTHON = Path(__file__).parents[2] / ".oracles" / "vllm" / "bin" / "python"
ENGINES = {
    "local": (),
    "vllm": (
        f"--vllm.python={PYTHON}",
        "--vllm.cache_gb=0.5",
        "--vllm.max_context=1024",
        "--vllm.arguments=[--enforce-eager]",
    ),
}
NAMES = tuple(f"ppo-{number}" for number in range(1, 11))
SPREAD = 0.02
"""Of the adapters: enough that each says something else."""
TIE = 0.5
"""Nats. Logits of about 20 have steps of 1/8 in bfloat16, and two of them are compared, of states
that were rounded a few hundred times; 0.33 was seen."""
ASKED = ("Name three fruits.", "Why is the sky blue?", "Write a line about rain.")
pytestmark = pytest.mark.slow


class Served(NamedTuple):
    """A running server."""

    url: str
    client: OpenAI


class Servers:
    """`rather serve` by engine, each in a process of its own, started when it is first asked."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []
        self._served: dict[str, Served] = {}

    def __getitem__(self, engine: str) -> Served:
        if engine == "vllm" and not PYTHON.exists():
            pytest.skip("no vLLM here; `make test-vllm` installs it")
        if engine not in self._served:
            self._served[engine] = self._start(engine)
        return self._served[engine]

    def _start(self, engine: str) -> Served:
        command = [sys.executable, "-m", "rather", "serve", "--engine", engine, "--port", "0"]
        process = subprocess.Popen(
            [*command, *ENGINES[engine]],
            cwd=self._workspace.root,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"Serving on (http://\S+?)/v1", line):
                # what it says later must not fill the pipe
                self._readers.append(threading.Thread(target=process.stderr.read))
                self._readers[-1].start()
                client = OpenAI(
                    base_url=f"{found[1]}/v1", api_key="none", max_retries=0, timeout=120
                )
                return Served(found[1], client)
        raise AssertionError(said)

    def end(self) -> list[int]:
        """End them all; their exit codes."""
        for process in self._processes:
            process.terminate()
        codes = [process.wait(60) for process in self._processes]
        for reader in self._readers:
            reader.join()
        for process in self._processes:
            assert process.stderr is not None
            process.stderr.close()
        for served in self._served.values():
            served.client.close()
        return codes


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The embedded model and ten adapters; `prod` is the first."""
    ws = make_workspace(tmp_path_factory.mktemp("both") / "ws", NAMES, SPREAD)
    aliases.switch(ws.db, "prod", "ppo-1", "a test")
    yield ws
    ws.db.close()


@pytest.fixture(scope="module")
def admin(workspace: Workspace) -> str:
    """An admin's key; every server knows it, for it is made before they start."""
    return api_keys.create(workspace.db, "ada", "admin")


@pytest.fixture(scope="module")
def servers(workspace: Workspace, admin: str) -> Iterator[Servers]:
    found = Servers(workspace)
    try:
        yield found
    finally:
        codes = found.end()
    assert set(codes) <= {0}


@pytest.fixture(params=list(ENGINES))
def served(request: pytest.FixtureRequest, servers: Servers) -> Served:
    return servers[request.param]


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def chat(client: OpenAI, model: str = "base", text: str = ASKED[0], **how: Any) -> Any:
    given: dict[str, Any] = {"max_tokens": 16, "seed": 7} | how
    return client.chat.completions.create(model=model, messages=said(text), **given)


def text(client: OpenAI, model: str = "base", **how: Any) -> Any:
    given: dict[str, Any] = {"prompt": "The sky is", "max_tokens": 16, "seed": 7} | how
    return client.completions.create(model=model, **given)


# The table: what is asked, and what is expected of any engine.


def a_chat(client: OpenAI) -> None:
    reply = chat(client, "ppo-2")
    assert (reply.object, reply.model, len(reply.choices)) == ("chat.completion", "ppo-2", 1)
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason in ("stop", "length")
    usage = reply.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert 0 < usage.completion_tokens <= 16


def a_seed_says_the_same_again(client: OpenAI) -> None:
    drawn = [chat(client, "ppo-3", seed=seed).choices[0].message.content for seed in (1, 2, 1)]
    assert drawn[0] == drawn[2] != drawn[1]


def n_answers_differ(client: OpenAI) -> None:
    reply = chat(client, "ppo-1", n=4)
    assert [one.index for one in reply.choices] == [0, 1, 2, 3]
    assert len({one.message.content for one in reply.choices}) > 1


def a_stream_is_the_whole_in_pieces(client: OpenAI) -> None:
    """One answer: in bfloat16 two in a batch may part by when each of them joined it."""
    whole = chat(client, "ppo-4")
    told, counts = "", None
    for chunk in chat(client, "ppo-4", stream=True, stream_options={"include_usage": True}):
        assert chunk.model == "ppo-4"
        counts = chunk.usage or counts
        told += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert told == whole.choices[0].message.content
    assert counts == whole.usage


def several_are_streamed_side_by_side(client: OpenAI) -> None:
    pieces = [""] * 3
    for chunk in chat(client, "ppo-4", n=3, stream=True):
        for choice in chunk.choices:
            pieces[choice.index] += choice.delta.content or ""
    assert all(pieces)
    assert len(set(pieces)) > 1


def a_stop_text_ends_it(client: OpenAI) -> None:
    whole = chat(client, temperature=0, max_tokens=24).choices[0].message.content
    stop = whole[len(whole) // 2 :][:4]
    reply = chat(client, temperature=0, max_tokens=24, stop=[stop, "never said"])
    assert reply.choices[0].message.content == whole.partition(stop)[0]
    assert reply.choices[0].finish_reason == "stop"


def logprobs_lie_beside_the_tokens(client: OpenAI) -> None:
    choice = chat(client, temperature=0, logprobs=True, top_logprobs=3).choices[0]
    content = choice.logprobs.content
    assert "".join(one.token for one in content) == choice.message.content
    for one in content:
        assert len(one.top_logprobs) == 3
        assert one.top_logprobs[0].logprob <= 0
        assert one.logprob == pytest.approx(one.top_logprobs[0].logprob, abs=1e-6)


def a_text_is_gone_on_with(client: OpenAI) -> None:
    reply = text(client, "ppo-5", temperature=0, logprobs=2)
    found = reply.choices[0].logprobs
    assert reply.object == "text_completion"
    assert "".join(found.tokens) == reply.choices[0].text
    assert found.text_offset[:1] == [0]
    streamed = "".join(
        choice.text
        for chunk in text(client, "ppo-5", temperature=0, stream=True)
        for choice in chunk.choices
    )
    assert streamed == reply.choices[0].text


def tokens_are_gone_on_with(client: OpenAI) -> None:
    reply = text(client, prompt=[504, 6376, 314], n=2)
    assert (len(reply.choices), reply.usage.prompt_tokens) == (2, 3)


def several_prompts_are_answered_in_order(client: OpenAI) -> None:
    prompts: list[Any] = ["The sky is", [504, 6376, 314], "Once upon a time"]
    alone = [text(client, prompt=one, max_tokens=6).usage.prompt_tokens for one in prompts]
    together = text(client, prompt=prompts, n=2, max_tokens=6)
    assert [one.index for one in together.choices] == list(range(6))
    assert together.usage.prompt_tokens == sum(alone)


def models_are_listed(client: OpenAI) -> None:
    listed = {one.id: (one.root, one.parent) for one in client.models.list().data}  # type: ignore[attr-defined]
    assert listed["base"] == ("base", None)
    assert all(listed[name] == (name, "base") for name in NAMES)
    assert "prod" in listed


def ten_adapters_answer_at_once(client: OpenAI) -> None:
    with ThreadPoolExecutor(len(NAMES)) as pool:
        replies = list(
            pool.map(lambda name: chat(client, name, ASKED[1], temperature=0, max_tokens=24), NAMES)
        )
    assert [one.model for one in replies] == list(NAMES)
    assert len({one.choices[0].message.content for one in replies}) >= 6


TABLE: tuple[Callable[[OpenAI], None], ...] = (
    a_chat,
    a_seed_says_the_same_again,
    n_answers_differ,
    a_stream_is_the_whole_in_pieces,
    several_are_streamed_side_by_side,
    a_stop_text_ends_it,
    logprobs_lie_beside_the_tokens,
    a_text_is_gone_on_with,
    tokens_are_gone_on_with,
    several_prompts_are_answered_in_order,
    models_are_listed,
    ten_adapters_answer_at_once,
)
ERRORS: tuple[tuple[type[openai.APIStatusError], str | None, dict[str, Any]], ...] = (
    (openai.NotFoundError, "model_not_found", {"model": "ppo-99", "prompt": "Hi"}),
    (openai.BadRequestError, "invalid", {"prompt": "Hi", "temperature": -1}),
    (openai.BadRequestError, "invalid", {"prompt": "Hi", "n": 9}),
    (openai.BadRequestError, "invalid", {"prompt": "", "n": 1}),
    (openai.BadRequestError, "unknown_token", {"prompt": [5, 49152]}),
    (openai.BadRequestError, "too_many_tokens", {"prompt": "Hi", "max_tokens": 99999}),
    (openai.BadRequestError, "context_length_exceeded", {"prompt": [5] * 9000}),
    (openai.BadRequestError, "invalid", {"prompt": "Hi", "echo": True}),
    (openai.BadRequestError, "unsupported", {"prompt": "Hi", "extra_body": {"min_p": 0.1}}),
)


@pytest.mark.parametrize("ask", TABLE, ids=lambda ask: ask.__name__)
def test_a_request_gets_what_is_expected(served: Served, ask: Callable[[OpenAI], None]) -> None:
    ask(served.client)


@pytest.mark.parametrize(("kind", "code", "how"), ERRORS)
def test_an_error_is_the_same_error(
    served: Served, kind: type[openai.APIStatusError], code: str | None, how: dict[str, Any]
) -> None:
    with pytest.raises(kind) as caught:
        served.client.completions.create(**{"model": "base"} | how)
    assert caught.value.code == code
    assert isinstance(caught.value.body, dict)
    assert set(caught.value.body) == {"message", "type", "param", "code"}


def test_an_alias_that_is_switched_meanwhile_splits_no_answer(served: Served, admin: str) -> None:
    def mean(version: str) -> None:
        reply = httpx2.put(
            f"{served.url}/v1/aliases/prod",
            json={"version": version},
            headers={"Authorization": f"Bearer {admin}"},
        )
        assert reply.is_success

    mean("ppo-1")
    whole = chat(served.client, "ppo-1", max_tokens=32).choices[0].message.content
    models, told = set(), ""
    for number, chunk in enumerate(chat(served.client, "prod", max_tokens=32, stream=True)):
        if number == 2:
            mean("ppo-2")
        models.add(chunk.model)
        told += chunk.choices[0].delta.content or ""
    assert models == {"ppo-1"}
    assert told == whole
    assert chat(served.client, "prod").model == "ppo-2"


def test_who_leaves_is_not_worked_for(served: Served) -> None:
    stream = chat(served.client, "ppo-6", max_tokens=400, stream=True, n=2)
    for _ in range(4):
        next(iter(stream))
    assert running(served) == 2
    stream.close()
    until = time.monotonic() + 10
    while running(served) and time.monotonic() < until:
        time.sleep(0.05)
    assert running(served) == 0
    assert chat(served.client, "ppo-6").choices[0].message.content


def running(served: Served) -> int:
    page = httpx2.get(f"{served.url}/metrics").text
    found = re.search(r"^rather_engine_completions_running (\d+)", page, re.M)
    assert found is not None
    return int(found[1])


def test_greedy_texts_are_the_same_but_for_ties(servers: Servers) -> None:
    """Base and ten adapters, three questions each: 33 answers of 24 tokens by each engine."""
    ours, theirs = ([*map(_told, _greedy(servers[engine].client))] for engine in ENGINES)
    pairs = list(zip(ours, theirs, strict=True))
    for mine, other in pairs:
        _require_tie(mine, other)
    same = sum(_tokens(mine) == _tokens(other) for mine, other in pairs)
    print(f"{same} of {len(pairs)} greedy texts are the same to the end")
    assert same >= len(pairs) // 2


def _greedy(client: OpenAI) -> Iterator[Any]:
    for model in ("base", *NAMES):
        for question in ASKED:
            yield chat(
                client, model, question, temperature=0, max_tokens=24, logprobs=True, top_logprobs=5
            )


def _told(reply: Any) -> list[Any]:
    return list(reply.choices[0].logprobs.content)


def _tokens(told: list[Any]) -> list[str]:
    return [one.token for one in told]


def _require_tie(mine: list[Any], other: list[Any]) -> None:
    """Where the two part first, each engine must think the other's token about as likely."""
    for a, b in zip(mine, other, strict=False):
        assert a.logprob == pytest.approx(b.logprob, abs=TIE)
        if a.token != b.token:
            for chosen, rival in ((a, b.token), (b, a.token)):
                likely = {one.token: one.logprob for one in chosen.top_logprobs}
                assert chosen.logprob - likely[rival] < TIE
            return
