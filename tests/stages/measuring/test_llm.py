"""The judge behind an endpoint: both orders, kept replies, and never without being named."""

from typing import Any

import pytest

from rather.errors import EnvironmentFault
from rather.records import Message, Prompt
from rather.rollout import llm_judge
from rather.stages.measuring.llm import judge_all
from rather.workspace import Workspace

ADDRESS = "http://127.0.0.1:1/v1#judge"
ASKED = [Prompt(f"p{n}", (Message("user", f"Q{n}?"),), "heldout") for n in range(3)]


class Judge:
    """Prefers the longer answer, and where they are equally long the one that stands first."""

    def __init__(self) -> None:
        self.num_asked, self.fails_after = 0, 1000

    def __call__(self, address: str, questions: list[Any], advance: Any) -> list[str]:
        if self.num_asked + len(questions) > self.fails_after:
            raise EnvironmentFault("the server is gone.")
        self.num_asked += len(questions)
        advance(len(questions))
        return [self.reply(messages[-1]["content"]) for messages in questions]

    def reply(self, text: str) -> str:
        first, second = (
            text.split(f"[The start of answer {side}]\n")[1].split("\n[The end")[0] for side in "AB"
        )
        if "dumb" in text:
            return "I would rather not say."
        return "So: [[A]]" if len(first) >= len(second) else "So: [[B]]"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    made = Judge()
    monkeypatch.setattr(llm_judge, "ask", made)
    return made


def models(*texts: str) -> dict[str, dict[str, Any]]:
    def one(said: list[str]) -> dict[str, Any]:
        return {
            "texts": said,
            "lengths": [len(text) for text in said],
            "win_rates": {},
            "length_controlled": {},
        }

    return {"base": one(["four", "four", "four"]), "ppo-1": one(list(texts))}


def test_both_orders_count(ws: Workspace, judge: Judge) -> None:
    given = models("longer", "five", "me")
    found = judge_all(ws, ADDRESS, ASKED, given, "base")["llm_judge"]
    # won, one that contradicts itself, lost
    assert given["ppo-1"]["verdicts"] == [
        ["first", "second"], ["first", "first"], ["second", "first"],
    ]  # fmt: skip
    assert given["ppo-1"]["win_rates"]["llm"]["value"] == 0.5
    assert given["ppo-1"]["length_controlled"]["llm"]["n"] == 3
    assert given["base"]["win_rates"] == {}
    assert found["first_share"]["value"] == pytest.approx(4 / 6)
    assert found["consistency"]["value"] == pytest.approx(2 / 3)
    assert judge.num_asked == 6


def test_what_was_paid_for_is_not_asked_again(ws: Workspace, judge: Judge) -> None:
    first = models("longer", "four", "me")  # the second is the same text: nobody is asked
    judge_all(ws, ADDRESS, ASKED, first, "base")
    assert judge.num_asked == 4
    assert first["ppo-1"]["verdicts"][1] == ["tie", "tie"]
    again = models("longer", "four", "me")
    judge_all(ws, ADDRESS, ASKED, again, "base")
    assert judge.num_asked == 4
    assert again == first
    told = ws.configured({"label": {"guidelines": "Prefer long answers."}})
    judge_all(told, ADDRESS, ASKED, models("longer", "four", "me"), "base")
    assert judge.num_asked == 8  # other guidelines are other questions


def test_a_server_that_goes_leaves_what_it_said(
    ws: Workspace, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rather.stages.measuring.llm.ASKED_TOGETHER", 2)
    judge.fails_after = 2
    with pytest.raises(EnvironmentFault):
        judge_all(ws, ADDRESS, ASKED, models("longer", "five", "me"), "base")
    judge.fails_after = 1000
    judge_all(ws, ADDRESS, ASKED, models("longer", "five", "me"), "base")
    assert judge.num_asked == 6


def test_what_cannot_be_read_is_counted(ws: Workspace, judge: Judge) -> None:
    given = models("dumb", "longer", "longer")
    found = judge_all(ws, ADDRESS, ASKED, given, "base")["llm_judge"]
    assert found["num_unreadable"] == 1
    assert given["ppo-1"]["win_rates"]["llm"] == {
        "value": 1.0,
        "low": pytest.approx(0.342, abs=1e-3),
        "high": 1.0,
        "n": 2,
    }
