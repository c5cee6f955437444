"""What a reader of an evaluation relies on: who was made worse loses, who only got longer is shown
as such, every rate can be counted over again from what is stored, and twice is the same bytes."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rather import pipeline
from rather.config.loading import load
from rather.data.identity import prompt_id
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.progress import Progress
from rather.records import Completion, Labeller, Message, Prompt
from rather.stages.measuring.contests import all_contests
from rather.stages.rounds.promotion import decide
from rather.store import judgments, labellers, prompts
from rather.workspace import Workspace

pytestmark = pytest.mark.slow  # three models are tuned and evaluated

NUM_PROMPTS = 48
POLITE, RUDE, LONGER = "sft-1", "sft-2", "sft-3"
Z95 = 1.959964
SETTINGS: dict[str, Any] = {
    "dtype": "float32",
    "rules": {"contains": ["please"]},
    "evaluate": {"baseline": POLITE, "gold": "rules", "max_new_tokens": 96},
    "sft": {
        "batch_size": 8,
        "num_epochs": 30,
        "learning_rate": 0.01,
        "adapter": {"tuning": "full"},
    },
}


def asked(number: int) -> Prompt:
    messages = (Message("user", f"Question {number}?"),)
    return Prompt(prompt_id(messages), messages, "train" if number % 2 else "heldout")


def teach(ws: Workspace, name: str, text: Callable[[int], str], **settings: Any) -> None:
    """Tune on what one person would have written, and take it back for the next one."""
    who = Labeller(name, name, is_simulated=False)
    labellers.add(ws.db, [who])
    shown = [(prompts.get(ws.db, asked(n).id), text(n)) for n in range(1, NUM_PROMPTS, 2)]
    judgments.record_many(
        ws.db,
        [new_judgment(prompt.id, who, Demonstration(said)) for prompt, said in shown if prompt],
    )
    pipeline.sft(ws.configured({"sft": settings}))
    judgments.retract(ws.db, labeller_id=name)


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Workspace]:
    """A polite model, what became of it by rude examples, and by ones that say it more often."""
    config = load(None, {"model": str(tiny_model), **SETTINGS})
    made = Workspace.create(tmp_path_factory.mktemp("trained") / "w", config, Progress(quiet=True))
    prompts.add(made.db, [asked(number) for number in range(NUM_PROMPTS)])
    teach(made, "polite", lambda n: " ".join(["Please do."] * (1 + n // 2 % 3)))
    teach(made, "rude", lambda n: "No.", start=POLITE, num_epochs=6)
    longer = {"start": POLITE, "num_epochs": 6}
    teach(made, "longer", lambda n: " ".join(["Please do."] * (3 + n // 2 % 3)), **longer)
    yield made
    made.close()


@pytest.fixture(scope="module")
def contests(ws: Workspace) -> dict[str, dict[str, Any]]:
    """Both before a person who reads nothing: of two answers they always take the longer one."""
    bob = Labeller("bob", "Bob", is_simulated=False)
    labellers.add(ws.db, [bob])
    for name in (RUDE, LONGER):
        pipeline.evaluate(ws, [name, POLITE], human=True)
    for contest in all_contests(ws):
        for number, (first, second) in enumerate(contest.pairs):
            if first.text != second.text:
                sides = (second, first) if number % 2 else (first, second)
                judgments.record(ws.db, new_judgment(first.prompt_id, bob, longer_of(*sides)))
    return {name: pipeline.evaluate(ws, [name, POLITE], human=True) for name in (RUDE, LONGER)}


def longer_of(left: Completion, right: Completion) -> Pair:
    difference = len(left.text) - len(right.text)
    choice = "tie" if difference == 0 else "A" if difference > 0 else "B"
    return Pair(left.id, right.id, choice)  # type: ignore[arg-type]


def test_who_was_made_worse_loses(ws: Workspace) -> None:
    result = pipeline.evaluate(ws, [RUDE])
    rate = result["models"][RUDE]["win_rates"]["gold"]
    assert rate["high"] < 0.5
    assert decide("not_worse", POLITE, {RUDE: {"gold": rate}}).status == "rolled_back"
    said = pipeline.report(ws)["summary"]
    assert f"{RUDE} beats {POLITE} only 0" in said
    assert "so it has become worse." in said
    assert json.loads((ws.root / "report.json").read_text())["tone"] == "worse"


def test_who_only_got_longer_is_shown_as_such(
    ws: Workspace, contests: dict[str, dict[str, Any]]
) -> None:
    result = pipeline.evaluate(ws, [LONGER])
    model, baseline = result["models"][LONGER], result["models"][POLITE]
    assert model["mean_length"] > 1.5 * baseline["mean_length"]
    assert model["win_rates"]["gold"]["low"] < 0.5 < model["win_rates"]["gold"]["high"]
    # a person who looks at the length alone prefers it nearly always, and at equal length does not
    found = contests[LONGER]
    assert found["win_rate"]["low"] > 0.5
    assert found["length_controlled"]["low"] < 0.5 < found["length_controlled"]["high"]
    said = pipeline.report(ws)["summary"]
    assert f"judged by people, {LONGER} beats {POLITE}" in said
    assert "times as long, and at equal length it would win" in said
    assert "which does not tell them apart" in said
    assert json.loads((ws.root / "report.json").read_text())["tone"] == "unclear"


def test_every_rate_is_that_of_what_is_stored(
    ws: Workspace, contests: dict[str, dict[str, Any]]
) -> None:
    result = pipeline.evaluate(ws, [RUDE, LONGER])
    golds = {name: one["scores"]["gold"] for name, one in result["models"].items()}
    for name in (RUDE, LONGER):
        held = [(a > b) + (a == b) / 2 for a, b in zip(golds[name], golds[POLITE], strict=True)]
        assert_same(result["models"][name]["win_rates"]["gold"], held)
        assert_same(contests[name]["win_rate"], judged(ws.root / "rather.db", name))


def judged(database: Path, name: str) -> list[float]:
    """What became of each pair of a contest, by the tables alone."""
    with closing(sqlite3.connect(database)) as db:
        texts: dict[str, dict[str, str]] = {}
        owners: dict[str, str] = {}
        for id, prompt, model, text, sampling in db.execute(
            "SELECT id, prompt_id, model, text, sampling FROM completions"
        ):
            if json.loads(sampling)["purpose"] == "contest":
                owners[id] = model
                texts.setdefault(prompt, {})[model] = text
        found = [0.5 for said in texts.values() if said[name] == said[POLITE]]
        for (answer,) in db.execute("SELECT answer FROM judgments WHERE kind = 'pair'"):
            said = json.loads(answer)
            sides = {"A": said["left_completion_id"], "B": said["right_completion_id"]}
            if {owners[id] for id in sides.values()} == {name, POLITE}:
                taken = sides.get(said["choice"])
                found.append(0.5 if taken is None else float(owners[taken] == name))
    return found


def assert_same(rate: dict[str, float], outcomes: list[float]) -> None:
    """The interval's ends are where the score test is at its limit: (r − p)² = z²·p(1 − p)/n."""
    n, share = len(outcomes), sum(outcomes) / len(outcomes)
    assert (rate["n"], rate["value"]) == (n, pytest.approx(share))
    for end in (rate["low"], rate["high"]):
        assert (share - end) ** 2 == pytest.approx(Z95**2 * end * (1 - end) / n, abs=1e-6)
    assert rate["low"] <= share <= rate["high"]


def test_twice_is_the_same_bytes(ws: Workspace, contests: dict[str, dict[str, Any]]) -> None:
    def once() -> list[bytes]:
        run = pipeline.evaluate(ws, [RUDE, LONGER])["run_id"]
        pipeline.report(ws)
        files = (ws.runs_dir / run / "evaluation.json", ws.root / "report.html")
        return [file.read_bytes() for file in (*files, ws.root / "report.json")]

    assert once() == once()
