"""Three labellers, an admin, a clock and crashes on two servers of one workspace, in any order."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rather.config.labelling import Checks, Labelling, Overlap
from rather.config.stages import Config
from rather.data.collected import Collected
from rather.data.exporting import pair_rows
from rather.feedback.events import Circumstances, new_id, new_judgment
from rather.feedback.items import item_of, opaque_id
from rather.feedback.pair import Pair
from rather.records import Completion, Labeller, Message, Prompt, Remark
from rather.store import assignments, completions, judgments, labellers, prompts, remarks
from rather.store.database import Database
from rather.web import worklist
from rather.web.app import Outside, create_app
from rather.web.context import Context
from rather.web.contract.labelling import (
    JudgmentRequest,
    PairSaid,
    RemarkRequest,
    Task,
    UndoRequest,
    WithdrawalRequest,
)
from rather.web.labelling import answering, asking, remarking
from rather.web.replies import Refusal

SECRET = b"a secret of a test, 32 bytes long"
PEOPLE = [Labeller(name, name.title(), False) for name in ("ann", "bob", "cat")]
ADMIN = Labeller("eve", "Eve", False, role="admin")
WANTED = 1
TEXTS = {"p0": ("one", "two"), "p1": ("one", "two", "three")}
"""Four pairs, 1 + 3, for three people: there is never enough."""
LABEL = Labelling(
    overlap=Overlap(judges=WANTED, shared_fraction=0),
    checks=Checks(gold_fraction=0, repeat_fraction=0.3, num_flags=2),
)

who = st.sampled_from(PEOPLE)
server = st.tuples(st.integers(0, 1), st.booleans())
"""Which of the two, and whether it looks at the store before (else it knows what it knew)."""
any_of = st.integers(0, 10**6)


class Team(RuleBasedStateMachine):
    """The store is compared with a dictionary of what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "rather.db"
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.num_keys = 0
        self.live: dict[tuple[str, str], tuple[str, str]] = {}
        """(labeller, item id): (judgment id, choice)"""
        self.acked: set[str] = set()
        self.shown: dict[tuple[str, str], list[str]] = {}
        """(labeller, item id): texts, left and right"""
        self.sent: list[tuple[Labeller, JudgmentRequest, str]] = []
        self.skips: list[tuple[Labeller, str]] = []
        with Database.open(self.path, create=True) as db:
            labellers.add(db, [*PEOPLE, ADMIN])
            prompts.add(db, [Prompt(id, (Message("user", id),), "train") for id in TEXTS])
            completions.add(
                db,
                [
                    Completion(f"{id}_{n}", id, f"{id} {text}", "base", {}, n)
                    for id, texts in TEXTS.items()
                    for n, text in enumerate(texts)
                ],
            )
        self.dbs: list[Database] = []
        self.contexts: list[Context] = []
        for _ in range(2):
            self._start(len(self.contexts))

    def _start(self, place: int) -> None:
        db = Database.open(self.path)
        clock = Outside(now=lambda: self.now)
        app = create_app(
            db, Config(label=LABEL), "team", secret=SECRET, static=self.path, outside=clock
        )
        self.dbs[place:] = [db, *self.dbs[place + 1 :]]
        self.contexts[place:] = [app.state.context, *self.contexts[place + 1 :]]

    def _context(self, place: tuple[int, bool]) -> Context:
        number, is_looking = place
        if is_looking:
            self.contexts[number].worklist.look(at_once=True)
        return self.contexts[number]

    def _key(self) -> str:
        self.num_keys += 1
        return f"key-{self.num_keys:08}"

    def _see(self, person: Labeller, task: Task) -> None:
        texts = [answer.text for answer in task.answers]
        assert self.shown.setdefault((person.id, task.item_id), texts) == texts

    def _taken(self, item: str) -> set[str]:
        """Who holds or has judged it, by the store alone."""
        moment = self.now.isoformat(timespec="microseconds")
        holding = {
            one.labeller_id
            for one in assignments.all(self.dbs[0])
            if one.item == item and one.purpose == "work" and one.expires_at > moment
        }
        judged = {
            one.labeller_id
            for one in judgments.live(self.dbs[0])
            if one.source == "label" and item_of(one) == item
        }
        return holding | judged

    @rule(person=who, place=server, count=st.integers(1, 3))
    def ask(self, person: Labeller, place: tuple[int, bool], count: int) -> None:
        moment = self.now.isoformat(timespec="microseconds")
        before = {
            one.item
            for one in assignments.all(self.dbs[0])
            if one.labeller_id == person.id and one.expires_at > moment
        }
        reply = asking.deal(self._context(place), person, count, (), ())
        assert len(reply.tasks) <= count
        mine = {
            opaque_id(SECRET, one.item): one.item
            for one in assignments.all(self.dbs[0])
            if one.labeller_id == person.id and one.purpose == "work"
        }
        for task in reply.tasks:
            self._see(person, task)
            assert not place[1] or (person.id, task.item_id) not in self.live
            item = mine.get(task.item_id)
            if item is not None and item not in before:
                assert len(self._taken(item)) <= WANTED
        done = sum(name == person.id for name, _ in self.live)
        assert not place[1] or reply.progress.done == done

    @rule(person=who, place=server)
    def ask_again(self, person: Labeller, place: tuple[int, bool]) -> None:
        self.ask(person, place, 1)

    @precondition(lambda self: self.shown)
    @rule(place=server, drawn=any_of, choice=st.sampled_from(["A", "B", "tie", "both_bad"]))
    def judge(self, place: tuple[int, bool], drawn: int, choice: Any) -> None:
        name, item_id = sorted(self.shown)[drawn % len(self.shown)]
        person = next(one for one in PEOPLE if one.id == name)
        body = JudgmentRequest(
            item_id=item_id,
            said=PairSaid(kind="pair", choice=choice),
            ms_to_decision=1500,
            idempotency_key=self._key(),
            guidelines_hash="",
        )
        if (name, item_id) in self.live:
            with pytest.raises(Refusal) as refused:
                answering.judge(body, self._context(place), person)
            assert refused.value.code == "already_judged"
            return
        reply = answering.judge(body, self._context(place), person)
        assert not reply.replayed
        self.acked.add(reply.judgment_id)
        self.live[name, item_id] = (reply.judgment_id, choice)
        self.sent.append((person, body, reply.judgment_id))

    @precondition(lambda self: self.sent)
    @rule(place=server, drawn=any_of)
    def send_again(self, place: tuple[int, bool], drawn: int) -> None:
        person, body, id = self.sent[drawn % len(self.sent)]
        is_live = any(live_id == id for live_id, _ in self.live.values())
        try:
            reply = answering.judge(body, self._context(place), person)
        except Refusal as refused:
            assert (refused.code, is_live) == ("superseded", False)
        else:
            assert (reply.judgment_id, reply.replayed, is_live) == (id, True, True)

    @precondition(lambda self: self.live)
    @rule(place=server, drawn=any_of, choice=st.sampled_from(["A", "B"]))
    def edit(self, place: tuple[int, bool], drawn: int, choice: Any) -> None:
        name, item_id = sorted(self.live)[drawn % len(self.live)]
        person = next(one for one in PEOPLE if one.id == name)
        body = JudgmentRequest(
            item_id=item_id,
            said=PairSaid(kind="pair", choice=choice),
            ms_to_decision=1500,
            idempotency_key=self._key(),
            guidelines_hash="",
            supersedes=self.live[name, item_id][0],
        )
        reply = answering.judge(body, self._context(place), person)
        self.acked.add(reply.judgment_id)
        self.live[name, item_id] = (reply.judgment_id, choice)
        self.sent.append((person, body, reply.judgment_id))

    @rule(person=who, place=server)
    def undo(self, person: Labeller, place: tuple[int, bool]) -> None:
        body = UndoRequest(idempotency_key=self._key())
        mine = {id: key for key, (id, _) in self.live.items() if key[0] == person.id}
        try:
            task = answering.undo(body, self._context(place), person)
        except Refusal as refused:
            assert (refused.code, mine) == ("nothing_to_undo", {})
            return
        self._see(person, task)
        newest = [id for p, _, id in self.sent if p.id == person.id and id in mine][-1]
        assert mine[newest] == (person.id, task.item_id)
        del self.live[person.id, task.item_id]
        again = answering.undo(body, self._context((1 - place[0], True)), person)
        assert again.item_id == task.item_id

    @precondition(lambda self: self.shown)
    @rule(place=server, drawn=any_of, what=st.sampled_from(["skip", "flag"]))
    def pass_over(self, place: tuple[int, bool], drawn: int, what: Any) -> None:
        name, item_id = sorted(self.shown)[drawn % len(self.shown)]
        person = next(one for one in PEOPLE if one.id == name)
        key = self._key()
        body = RemarkRequest(item_id=item_id, what=what, reason="broken", idempotency_key=key)
        remarking.remark(body, self._context(place), person)
        self.skips.append((person, key))

    @precondition(lambda self: self.skips)
    @rule(place=server)
    def take_the_skip_back(self, place: tuple[int, bool]) -> None:
        person, key = self.skips.pop()
        body = WithdrawalRequest(remark_key=key, idempotency_key=self._key())
        remarking.withdraw(body, self._context(place), person)

    @rule(drawn=any_of, what=st.sampled_from(["restore", "retire"]))
    def decide(self, drawn: int, what: Any) -> None:
        items = sorted(self.contexts[0].worklist.board.pool.items)
        item, id = items[drawn % len(items)], new_id()
        remarks.record(self.dbs[0], Remark(id, what, item, "eve", "", "", "2026", id))

    @precondition(lambda self: self.live)
    @rule(drawn=any_of)
    def settle(self, drawn: int) -> None:
        given = [one for one in judgments.live(self.dbs[0]) if one.source == "label"]
        if given:
            about = given[drawn % len(given)]
            answer = Pair.from_answer(about.answer)
            made = Circumstances(source="resolution")
            judgments.record(self.dbs[0], new_judgment(about.prompt_id, ADMIN, answer, made))

    @rule(minutes=st.integers(1, 15))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(place=server)
    def crash(self, place: tuple[int, bool]) -> None:
        self._start(place[0])  # the old one is left as a killed process leaves it: not closed

    @invariant()
    def what_was_acknowledged_is_there_and_nothing_else_counts(self) -> None:
        stored = judgments.all(self.dbs[1])
        assert self.acked <= {one.id for one in stored}
        people = [one for one in judgments.live(self.dbs[1]) if one.source != "resolution"]
        assert {one.id for one in people} == {id for id, _ in self.live.values()}
        places = Counter((one.labeller_id, item_of(one), one.source) for one in people)
        assert set(places.values()) <= {1}

    def teardown(self) -> None:
        db = self.dbs[0]
        stored = {one.id: one for one in judgments.live(db)}
        settled = {item_of(one) for one in stored.values() if one.source == "resolution"}
        said = Counter()
        for (name, item_id), (id, choice) in self.live.items():
            left, right = self.shown[name, item_id]
            is_learnt = stored[id].source == "label" and item_of(stored[id]) not in settled
            if is_learnt and choice in ("A", "B"):
                said[(left, right) if choice == "A" else (right, left)] += 1
        everything = Collected(
            tuple(prompts.all(db)),
            tuple(completions.all(db)),
            tuple(labellers.all(db)),
            tuple(one for one in judgments.all(db) if one.source != "resolution")
            + tuple(one for one in stored.values() if one.source == "resolution"),
        )
        rows, _ = pair_rows(everything)
        learnt = Counter(
            (row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows
        )
        by_admin = sum(
            one.source == "resolution" and one.answer["choice"] in ("A", "B")
            for one in {item_of(one): one for one in stored.values() if one.source == "resolution"}
            .values()
        )  # fmt: skip
        assert not said - learnt
        assert sum(learnt.values()) == sum(said.values()) + by_admin
        for one in self.dbs:
            one.close()
        self.folder.cleanup()


@pytest.mark.slow
def test_any_order_of_events_keeps_the_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist, "SECONDS_BETWEEN_LOOKS", 1e9)  # as stale as memory can be
    run_state_machine_as_test(
        Team,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        ),
    )
