"""Prompts in pieces: steps stay short for everybody, clients have equal parts, numbers stay."""

from collections.abc import Callable

import pytest
from transformers import PreTrainedModel

from rather.models.backbone import Backbone
from rather.models.decode.prefixes import Prefixes
from rather.rollout.arrivals import fair_parts
from rather.rollout.engine import Engine
from rather.rollout.requests import Asker, Request, Settings, Ticket
from tests.models.conftest import FAMILIES
from tests.rollout.test_engine import DIFFERENT, NEVER, Loud, alone, assert_same, finish

STEM = tuple(range(5, 55))
GREEDY = Settings(0.0, 6, NEVER)
ANN, BOB, CARL = (Asker(name, name) for name in ("ann", "bob", "carl"))


@pytest.mark.parametrize(
    ("whole", "wanted", "parts"),
    [
        (10, [20], [10]),
        (10, [4], [4]),
        (12, [20, 20, 20], [4, 4, 4]),
        (12, [2, 20, 20], [2, 5, 5]),
        (12, [20, 1, 5], [6, 1, 5]),
        (10, [9, 9, 9], [4, 3, 3]),
        (1, [9, 9], [1, 0]),
        (10, [], []),
    ],
)
def test_parts_are_as_equal_as_they_can_be(whole: int, wanted: list[int], parts: list[int]) -> None:
    assert fair_parts(whole, wanted) == parts


@pytest.mark.parametrize(
    ("whole", "wanted", "parts"),
    [
        (100, [200, 30], [128, 30]),  # 70 are left for the first: two blocks
        (128, [200, 200], [64, 64]),
        (64, [90, 80, 70], [0, 0, 64]),  # a block is the least, and the shortest comes first
        (64, [50, 50, 50], [50, 50, 0]),  # of what is left begins a last one
    ],
)
def test_parts_are_whole_blocks(whole: int, wanted: list[int], parts: list[int]) -> None:
    assert fair_parts(whole, wanted, block=64) == parts


def remembering(backbone: Backbone, tokens: int | None = None) -> Engine:
    return Engine(backbone, lays_out_for=0, prompt_tokens=tokens, prefixes=Prefixes(1 << 20))


def ask(engine: Engine, ids: tuple[int, ...], asker: Asker = ANN, tokens: int = 6) -> Ticket:
    return engine.submit(Request(ids, (1,)), Settings(0.0, tokens, NEVER), asker=asker)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_and_what_is_remembered_give_the_numbers_of_one_pass(
    family: str, new_model: Callable[[str], PreTrainedModel]
) -> None:
    """Steps of 7 prompt tokens; then the same again, and what goes on from an answer."""
    backbone = Backbone(new_model(family))
    engine = remembering(backbone, tokens=7)
    asked = [STEM, STEM[:31], (*STEM[:20], 90, 91)]
    for _ in range(2):
        tickets = [ask(engine, ids) for ids in asked]
        finish(engine)
        for ids, ticket in zip(asked, tickets, strict=True):
            assert_same(ticket.results(), alone(backbone, Request(ids, (1,)), GREEDY))
    assert [ticket.num_known for ticket in tickets] == [49, 30, 21]  # all but the last token
    said = tickets[0].results()[0].ids
    next_turn = (*STEM, *said, 70, 71)
    ticket = ask(engine, next_turn)
    finish(engine)
    assert ticket.num_known == 50 + 6 - 1  # the last token that is drawn is never run
    assert_same(ticket.results(), alone(backbone, Request(next_turn, (1,)), GREEDY))


def test_requests_that_differ_in_everything_stay_the_same(
    tiny_backbone: Backbone, loud: Loud
) -> None:
    """In pieces of a few tokens, again and again beside each other, from what was remembered."""
    adapters = [loud(tiny_backbone, "one", 1), None, loud(tiny_backbone, "two", 2), "one"]
    engine = remembering(tiny_backbone, tokens=3)
    for _ in range(3):
        tickets = [
            engine.submit(*wanted, adapter)
            for wanted, adapter in zip(DIFFERENT, adapters, strict=True)
        ]
        finish(engine)
        for wanted, adapter, ticket in zip(DIFFERENT, adapters, tickets, strict=True):
            assert_same(ticket.results(), alone(tiny_backbone, *wanted, adapter))
    assert tickets[3].num_known == 19  # of the only prompt that is long enough


def test_others_go_on_while_a_long_prompt_is_computed(tiny_backbone: Backbone) -> None:
    engine = remembering(tiny_backbone, tokens=10)
    short = ask(engine, (7, 8, 9), BOB, tokens=40)
    assert engine.step() == 1
    long = ask(engine, STEM)
    assert [engine.step() for _ in range(6)] == [1, 1, 1, 1, 2, 2]  # 5 × 10 tokens
    assert (len(short.completions[0].ids), len(long.completions[0].ids)) == (7, 2)


def test_nobody_waits_behind_anothers_long_prompt(tiny_backbone: Backbone) -> None:
    engine = remembering(tiny_backbone, tokens=10)
    long = [ask(engine, (n, *STEM)) for n in (60, 61)]
    bobs, carls = ask(engine, (7, 8, 9), BOB), ask(engine, (8, 9), CARL)
    assert engine.step() == 2  # carl's 2 tokens, bob's 3, and 5 of ann's first prompt
    assert [len(one.completions[0].ids) for one in (bobs, carls, *long)] == [1, 1, 0, 0]
    assert (long[0].is_begun, long[1].is_begun) == (True, False)
    finish(engine)
    for n, ticket in zip((60, 61), long, strict=True):
        assert_same(ticket.results(), alone(tiny_backbone, Request((n, *STEM), (1,)), GREEDY))


def test_who_got_nothing_is_the_first_next_time(tiny_backbone: Backbone) -> None:
    """Steps of one block: short prompts that keep coming leave a long one its turn."""
    engine = Engine(tiny_backbone, lays_out_for=0, is_invariant=True, prompt_tokens=64)
    long = ask(engine, tuple(range(5, 135)))
    begun = []
    for n in range(4):
        for other in (BOB, CARL):
            ask(engine, (*STEM, 60 + n), other, tokens=1)
        engine.step()
        begun.append(long.is_begun)
    assert begun == [False, True, True, True]
    finish(engine)
    assert_same(long.results(), alone(tiny_backbone, long.request, GREEDY))


def test_what_fits_whole_joins_beside_a_clients_oldest(tiny_backbone: Backbone) -> None:
    engine = remembering(tiny_backbone, tokens=10)
    tickets = [ask(engine, ids) for ids in ((7, 8, 9), STEM, (10, 11, 12), (13, 14))]
    assert engine.step() == 3  # 3 + 3 + 2 tokens; the long one is not cut behind the first
    assert [ticket.is_begun for ticket in tickets] == [True, False, True, True]


def test_a_prompt_that_is_given_up_half_way_leaves(tiny_backbone: Backbone) -> None:
    engine = remembering(tiny_backbone, tokens=10)
    ticket = ask(engine, STEM)
    engine.step()
    engine.cancel(ticket)
    assert (engine.step(), engine.is_idle, ticket.completions[0].ids) == (0, True, [])


def test_equal_prompts_are_computed_once_within_a_circle_only(tiny_backbone: Backbone) -> None:
    engine = remembering(tiny_backbone, tokens=10)
    tickets = [ask(engine, STEM), ask(engine, STEM), ask(engine, STEM, BOB)]
    assert len(engine._arrivals) == 0
    engine.step()
    assert len(engine._arrivals) == 2
    finish(engine)
    assert [ticket.num_known for ticket in tickets] == [0, 0, 0]
    assert len({ticket.results()[0].ids for ticket in tickets}) == 1


def test_what_one_remembers_is_no_help_to_another(tiny_backbone: Backbone) -> None:
    engine = remembering(tiny_backbone)
    first = ask(engine, STEM)
    finish(engine)
    bobs, anns = ask(engine, STEM, BOB), ask(engine, STEM, ANN)
    friends = [ask(engine, STEM, Asker(name, "all")) for name in ("ann", "bob")]
    finish(engine)
    assert [one.num_known for one in (first, bobs, anns, *friends)] == [0, 0, 49, 0, 0]
    again = ask(engine, STEM, Asker("carl", "all"))
    finish(engine)
    assert again.num_known == 49


def test_who_wants_the_same_again_has_the_prompt_computed_again(tiny_backbone: Backbone) -> None:
    """Nothing is gone on from, and so nothing rounded otherwise; others may go on from it."""
    engine, dora = remembering(tiny_backbone), Asker("ann", "ann", goes_on=False)
    tickets = []
    for asker in (dora, dora, ANN):
        tickets.append(ask(engine, STEM, asker))
        finish(engine)
    assert [ticket.num_known for ticket in tickets] == [0, 0, 49]
    tickets = [ask(engine, STEM, ANN), ask(engine, STEM, dora), ask(engine, STEM, dora)]
    finish(engine)
    assert [ticket.num_known for ticket in tickets] == [49, 0, 0]


def test_an_adapter_of_the_same_name_is_another(tiny_backbone: Backbone, loud: Loud) -> None:
    loud(tiny_backbone, "one", 1)
    engine = remembering(tiny_backbone)

    def answer() -> Ticket:
        ticket = engine.submit(Request(STEM, (1,)), GREEDY, "one")
        finish(engine)
        return ticket

    before, again = answer(), answer()
    assert (before.num_known, again.num_known) == (0, 49)
    tiny_backbone.remove_adapter("one")
    engine.forget("one")
    loud(tiny_backbone, "one", 2)
    other = answer()
    assert other.num_known == 0
    assert_same(other.results(), alone(tiny_backbone, Request(STEM, (1,)), GREEDY, "one"))
    assert other.results()[0].ids != before.results()[0].ids


def test_no_more_arrive_than_fit(tiny_backbone: Backbone) -> None:
    # 256 bytes a token; two rows of 50 + 6 tokens fit into 30,000
    engine = Engine(tiny_backbone, prompt_tokens=10)
    engine.most_bytes = 30_000
    tickets = [ask(engine, (n, *STEM[1:])) for n in range(3)]
    most = 0
    while not engine.is_idle:
        engine.step()
        most = max(most, engine.num_rows + len(engine._arrivals))
    assert most == 2
    assert all(ticket.is_done for ticket in tickets)
