"""A simulated labeller is declared, resumable, and judges everything once."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import DataError
from rather.feedback.concision import concision
from rather.records import Completion
from rather.stages import labelling
from rather.stages.labelling import serve_people, simulate
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

TEXTS = ("No.", "The answer to the question is a plain and simple four.", "four four four four")


@pytest.fixture
def answered(new_ws: Callable[..., Workspace]) -> Callable[..., Workspace]:
    """Workspaces in which every prompt has three answers."""

    def make(name: str = "mine", **settings: Any) -> Workspace:
        ws = new_ws(name).configured(settings)
        for prompt in prompts.all(ws.db):
            completions.add(
                ws.db,
                [Completion(f"{prompt.id}-{n}", prompt.id, t, "base") for n, t in enumerate(TEXTS)],
            )
        return ws

    return make


def said(ws: Workspace) -> list[tuple[str, dict[str, Any]]]:
    return [(one.prompt_id, one.answer) for one in judgments.live(ws.db)]


@pytest.mark.parametrize(("kind", "number"), [("pair", 33), ("ranking", 11), ("thumb", 33)])
def test_everything_is_judged_once_and_marked(
    answered: Callable[..., Workspace], kind: str, number: int
) -> None:
    ws = answered(label={"kind": kind})
    made = simulate(ws, "concision", dry_run=False)
    assert (made["judgments"], made["is_simulated"]) == (number, True)
    given = judgments.live(ws.db)
    assert len(given) == number
    assert all(one.is_simulated and one.kind == kind for one in given)
    assert judgments.count(ws.db)[kind] == {"people": 0, "simulated": number}
    (labeller,) = labellers.all(ws.db)
    assert labeller.is_simulated
    assert labeller.settings["gold"] == "concision"
    again = simulate(ws, "concision", dry_run=False)
    assert again["judgments"] == 0
    assert len(judgments.all(ws.db)) == number


def test_the_gold_score_decides(answered: Callable[..., Workspace]) -> None:
    ws = answered()
    simulate(ws, "concision", dry_run=False)
    by_id = {one.id: one for one in completions.all(ws.db)}
    asked = {one.id: one for one in prompts.all(ws.db)}
    for prompt_id, answer in said(ws):
        left, right = (by_id[answer[f"{side}_completion_id"]].text for side in ("left", "right"))
        golds = concision(asked[prompt_id], left), concision(asked[prompt_id], right)
        assert answer["choice"] == ("A" if golds[0] > golds[1] else "B")


def test_a_killed_simulation_goes_on_to_the_same_judgments(
    answered: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"label": {"noise_temperature": 0.5}}
    whole, killed = answered("whole", **settings), answered("killed", **settings)
    simulate(whole, "concision", dry_run=False)
    monkeypatch.setattr(labelling, "BATCH", 10)
    record, calls = judgments.record_many, [0]

    def dying(*arguments: Any) -> int:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return record(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(judgments, "record_many", dying)
        simulate(killed, "concision", dry_run=False)
    assert len(said(killed)) == 20
    assert simulate(killed, "concision", dry_run=False)["judgments"] == 13
    assert said(killed) == said(whole)


def test_another_labeller_judges_anew(answered: Callable[..., Workspace]) -> None:
    ws = answered()
    simulate(ws, "concision", dry_run=False)
    noisy = ws.configured({"label": {"noise_temperature": 5.0}})
    assert simulate(noisy, "concision", dry_run=False)["judgments"] == 33
    assert simulate(ws, "plain_reader", dry_run=False)["judgments"] == 33
    assert len(labellers.all(ws.db)) == 3


def test_a_limit_and_a_dry_run(answered: Callable[..., Workspace]) -> None:
    ws = answered(label={"num_judgments": 5})
    dry = simulate(ws, "concision", dry_run=True)
    assert dry["summary"] == "would simulate 5 judgments by concision."
    assert judgments.all(ws.db) == []
    assert labellers.all(ws.db) == []
    assert simulate(ws, "concision", dry_run=False)["judgments"] == 5
    assert len(said(ws)) == 5


def test_nothing_to_judge_is_said(ws: Workspace) -> None:
    with pytest.raises(DataError, match="nothing to judge yet; run `rather sample` first"):
        simulate(ws, "concision", dry_run=False)
    with pytest.raises(DataError, match="nothing to compare yet; run `rather sample` first"):
        serve_people(ws, dry_run=False, expose=False)


def test_serving_people_can_be_tried_dry(answered: Callable[..., Workspace]) -> None:
    ws = answered()
    found = serve_people(ws, dry_run=True, expose=False)
    assert found == {"summary": "would serve 33 pairs on 127.0.0.1:8470."}
    assert labellers.all(ws.db) == []


@pytest.mark.slow
def test_the_app_waits_neither_for_torch_nor_for_plots(answered: Callable[..., Workspace]) -> None:
    ws = answered()
    look = (
        "import sys\n"
        "from rather.web import server\n"
        "heavy = ('torch', 'transformers', 'matplotlib', 'pandas')\n"
        "server.serve = lambda *_, **__: print([one for one in heavy if one in sys.modules])\n"
        "from rather.cli import app\n"
        "sys.exit(app.main(['label', '--workspace', sys.argv[1]]))\n"
    )
    command = [sys.executable, "-c", look, str(ws.root)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.splitlines()[0] == "[]"
