"""Prompts on their way into an engine: looked up in what is remembered, and computed in pieces.

A step computes so many prompt tokens at most, for everybody who is being answered waits for them.
Clients whose prompts arrive have equal parts of them, so that nobody waits behind another's long
prompt: first each one's oldest prompt, which alone may be cut; then what fits whole of the others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from rather.models.decode.prefixes import Owner, Prefixes
from rather.models.decode.spans import Growing
from rather.rollout.requests import Ticket


@dataclass(eq=False)
class Arrival:
    """A prompt, and those who asked it of the same adapter."""

    tickets: list[Ticket]
    keys: Growing = field(init=False)
    """What is known of it."""
    is_looked_up: bool = False
    num_known: int = 0
    """Tokens that were known when it was looked up."""
    was_passed: bool = False
    """Whether others had all that the step before could compute."""

    def __post_init__(self) -> None:
        self.keys = Growing(len(self.ids))

    @property
    def ids(self) -> tuple[int, ...]:
        """The prompt."""
        return self.tickets[0].request.prompt_ids

    @property
    def adapter(self) -> str | None:
        """The adapter that is asked."""
        return self.tickets[0].adapter

    @property
    def num_left(self) -> int:
        """Tokens that are to be computed."""
        return self.keys.length - self.keys.filled

    @property
    def rows(self) -> list[tuple[Ticket, int]]:
        """The completions that begin from it."""
        return [(ticket, n) for ticket in self.tickets for n in range(len(ticket.completions))]


class Piece(NamedTuple):
    """The next tokens of a prompt."""

    arrival: Arrival
    num_tokens: int

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens."""
        start = self.arrival.keys.filled
        return self.arrival.ids[start : start + self.num_tokens]

    @property
    def is_last(self) -> bool:
        """Whether the prompt ends with it."""
        return self.num_tokens == self.arrival.num_left

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the prompt."""
        return self.num_tokens == self.arrival.keys.length


class Arrivals:
    """Prompts that are not computed to their end."""

    def __init__(
        self, tokens_a_step: int | None, prefixes: Prefixes | None, block: int = 1
    ) -> None:
        """Without a number of tokens every prompt is computed at once; cuts are between blocks."""
        self._tokens_a_step, self._prefixes, self._block = tokens_a_step, prefixes, block
        self._all: list[Arrival] = []

    def __len__(self) -> int:
        return len(self._all)

    @property
    def tickets(self) -> Iterator[Ticket]:
        """Of all who wait for them."""
        return (ticket for arrival in self._all for ticket in arrival.tickets)

    def add(self, tickets: Iterable[Ticket]) -> None:
        """Let prompts come in; one that several of a circle ask with the same adapter, once."""
        known = {_alike(one.tickets[0]): one for one in self._all}
        for ticket in tickets:
            key = _alike(ticket)
            if key in known:
                known[key].tickets.append(ticket)
            else:
                known[key] = Arrival([ticket])
        self._all = list(known.values())

    def let_go(self) -> None:
        """Forget the tickets that were cancelled."""
        for arrival in self._all:
            going_on = [ticket for ticket in arrival.tickets if not ticket.is_cancelled]
            arrival.tickets = going_on or arrival.tickets
        self._all = [one for one in self._all if not one.tickets[0].is_cancelled]

    def next_pieces(self) -> list[Piece]:
        """What this step computes; prompts that end with it are the caller's from now on."""
        pieces = list(self._portions())
        ending = {id(piece.arrival) for piece in pieces if piece.is_last}
        self._all = [arrival for arrival in self._all if id(arrival) not in ending]
        for arrival, _ in pieces:
            for ticket in arrival.tickets:
                ticket.is_begun, ticket.num_known = True, arrival.num_known
        return pieces

    def _portions(self) -> Iterator[Piece]:
        left = self._tokens_a_step
        if left is None:
            yield from (Piece(arrival, self._look_up(arrival)) for arrival in self._all)
            return
        if not self._all:
            return
        oldest, *others = _turns(self._all)
        passed = [arrival for arrival in oldest if arrival.was_passed]
        for arrival in oldest:
            arrival.was_passed = True
        for turn in (passed, [one for one in oldest if one not in passed], *others):
            if left <= 0:
                return
            wanted = [self._look_up(arrival) for arrival in turn]
            parts = fair_parts(left, wanted, self._block)
            for arrival, part, most in zip(turn, parts, wanted, strict=True):
                if part == most or (part and arrival in oldest):
                    arrival.was_passed = False
                    left -= part
                    yield Piece(arrival, part)

    def _look_up(self, arrival: Arrival) -> int:
        """Go on from what is remembered, all but its last token; how much is left to compute."""
        if self._prefixes is not None and not arrival.is_looked_up:
            first = arrival.tickets[0]
            if first.asker.goes_on:
                for span in self._prefixes.find(owner_of(first), arrival.ids[:-1]):
                    arrival.keys.add(span)
            arrival.is_looked_up, arrival.num_known = True, arrival.keys.filled
        return arrival.num_left


def owner_of(ticket: Ticket) -> Owner:
    """Whose keys a ticket may go on from."""
    return Owner(ticket.adapter, ticket.asker.circle)


def _alike(ticket: Ticket) -> tuple[Owner, tuple[int, ...], bool]:
    """What two tickets have in common whose prompt is computed once."""
    return owner_of(ticket), ticket.request.prompt_ids, ticket.asker.goes_on


def fair_parts(whole: int, wanted: Sequence[int], block: int = 1) -> list[int]:
    """Parts of a whole, none larger than wanted: as equal as they can be (max-min fairness).

    A part that is less than wanted is made of whole blocks, the last of which may be more than is
    left.
    """
    parts = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    for place, n in enumerate(order):
        equal = -(-max(0, whole) // (len(order) - place))
        parts[n] = min(wanted[n], -(-equal // block) * block)
        whole -= parts[n]
    return parts


def _turns(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """Each client's oldest prompt, then each one's second, and so on."""
    of: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        of.setdefault(arrival.tickets[0].asker.client, []).append(arrival)
    for turn in zip_longest(*of.values()):
        yield [arrival for arrival in turn if arrival is not None]
