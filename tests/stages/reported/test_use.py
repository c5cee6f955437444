"""What users said, for `status` and for the page."""

from rather import pipeline
from rather.report.evaluated import Approved, InUse, Preferred
from rather.stages.reported.use import in_use, reported, sentence
from rather.store.use import reactions, served
from rather.workspace import Workspace
from tests.store.use.test_reactions import said
from tests.store.use.test_served import given


def react(ws: Workspace) -> None:
    served.add(ws.db, [given("s1"), given("s2", model="base")])
    for number, ranks in enumerate([(1, 2), (1, 2), (2, 1), (2, 2)]):
        client = f"use_{number}"
        one = said(f"r{number}", client=client, ranks=ranks, has_consent=number == 0)
        reactions.record(ws.db, one, None)
    thumb = said("r9", kind="thumb", served_ids=("s1",), models=("ppo-1",), ranks=(1,))
    reactions.record(ws.db, thumb, None)


def test_without_use_nothing_is_said(ws: Workspace) -> None:
    assert in_use(ws) is None
    assert reported(ws) is None
    assert pipeline.status(ws)["use"] is None


def test_who_is_preferred(ws: Workspace) -> None:
    react(ws)
    found = in_use(ws)
    assert found is not None
    assert (found["kept"], found["reactions"], found["without_consent"]) == (
        {"ppo-1": 1, "base": 1},
        5,
        4,
    )
    (duel,) = found["preferred"]
    # ppo-1 won two of the three that were decided: Wilson's interval is 21 % to 94 %
    assert (duel["first"], duel["second"], duel["n"], duel["num_both_bad"]) == (
        "ppo-1",
        "base",
        3,
        1,
    )
    assert sentence(found) == (
        "In use: 2 answers kept, 5 reactions (4 without consent to learn from them); ppo-1 is "
        "preferred to base at prod in 67% [21%, 94%] of 3."
    )
    assert sentence(found) in pipeline.status(ws)["summary"]


def test_the_page_has_it(ws: Workspace) -> None:
    react(ws)
    page = reported(ws)
    assert isinstance(page, InUse)
    (preferred,), (approved,) = page.preferred, page.approved
    assert isinstance(preferred, Preferred) and isinstance(approved, Approved)
    assert preferred.win_rate is not None and preferred.win_rate.n == 3
    assert approved.share is not None and approved.share.value == 1.0


def test_only_corrections_and_both_bad_have_no_rate(ws: Workspace) -> None:
    reactions.record(ws.db, said("r1", ranks=(2, 2)), None)
    corrected = said("r2", kind="correction", served_ids=("s1",), models=("base",), ranks=())
    reactions.record(ws.db, corrected, None)
    page = reported(ws)
    assert page is not None
    assert page.preferred[0].win_rate is None
    assert (page.approved[0].share, page.approved[0].num_corrected) == (None, 1)
    found = in_use(ws)
    assert found is not None
    assert "preferred" not in sentence(found)
