"""Keys and values of past texts, so that one that begins alike goes on from there.

Texts of one owner lie in a tree: a branch holds the tokens that follow its parent's, each text is a
path from the root, and what several have in common is there once. Where keys depend on the block
they were computed in (`rather.models.decode.blocks`), texts share whole blocks of tokens only. When
the memory is full, the branch that was used longest ago goes first; whoever uses a branch uses all
above it, so that one is always an end.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rather.models.decode.spans import Span

LEAST_TOKENS = 16
"""What begins alike for less is computed again: to look after it would cost more."""


class Owner(NamedTuple):
    """Whose texts: keys of one model mean nothing to another, and not everybody may share them."""

    adapter: str | None
    circle: str
    """Those who may share them."""


@dataclass(eq=False)
class Branch:
    """Tokens that follow those of the branches above."""

    owner: Owner
    tokens: tuple[int, ...]
    span: Span | None
    """What all layers keep of them; None only at a root, which has no tokens."""
    parent: "Branch | None"
    children: dict[tuple[int, ...], "Branch"] = field(default_factory=dict)
    """By the block they begin with."""


class Prefixes:
    """Remembers texts up to so many bytes; belongs to one engine's thread."""

    def __init__(self, most_bytes: int, block: int = 1) -> None:
        """`block`: what two texts have in common is counted in so many tokens."""
        self._most_bytes, self.block = most_bytes, block
        self._roots: dict[Owner, Branch] = {}
        self._by_use: OrderedDict[Branch, None] = OrderedDict()
        """All branches; the one used longest ago first, and no branch before one below it."""
        self.num_bytes = self.num_asked = self.num_found = self.num_tokens_found = 0

    def find(self, owner: Owner, tokens: Sequence[int]) -> list[Span]:
        """What is known of the longest beginning of a text; its parts, in order."""
        self.num_asked += 1
        path, length = self._walk(owner, tuple(tokens))
        if length < LEAST_TOKENS:
            return []
        self._use(path[-1][0])
        self.num_found += 1
        self.num_tokens_found += length
        return [branch.span.cut(0, shared) for branch, shared in path if branch.span is not None]

    def keep(self, owner: Owner, tokens: Sequence[int], span: Span) -> None:
        """Remember a text whose keys and values these are; what is new of it is copied.

        A text that fits at no price is left out, and so is what does not fill a block.
        """
        text = tuple(tokens[: len(tokens) - len(tokens) % self.block])
        if not text or span.num_bytes > self._most_bytes:
            return
        path, length = self._walk(owner, text)
        if path:
            end = self._split(*path[-1])
        else:
            end = self._roots.setdefault(owner, Branch(owner, (), None, None))
        if length < len(text):
            rest = span.cut(length, len(text)).copied()
            branch = Branch(owner, text[length:], rest, end)
            end.children[self._first(branch.tokens)] = branch
            self.num_bytes += rest.num_bytes
            end = branch
        self._use(end)
        while self.num_bytes > self._most_bytes:
            self._drop(next(iter(self._by_use)))

    def forget(self, adapter: str) -> None:
        """Let everything go that a model made: another of its name may not go on from it."""
        for owner in [owner for owner in self._roots if owner.adapter == adapter]:
            del self._roots[owner]
        for branch in [one for one in self._by_use if one.owner.adapter == adapter]:
            self._release(branch)

    def _walk(self, owner: Owner, text: tuple[int, ...]) -> tuple[list[tuple[Branch, int]], int]:
        """The branches a text begins with, and how many tokens of each; and how many in all."""
        path: list[tuple[Branch, int]] = []
        at, length = self._roots.get(owner), 0
        while at is not None and length < len(text):
            at = at.children.get(self._first(text[length:]))
            if at is not None:
                shared = _num_alike(at.tokens, text[length:])
                shared -= shared % self.block
                path.append((at, shared))
                length += shared
                if shared < len(at.tokens):
                    break
        return path, length

    def _split(self, branch: Branch, shared: int) -> Branch:
        """The branch of a branch's first tokens; the others become a branch below it."""
        if shared == len(branch.tokens):
            return branch
        whole, tokens, above = branch.span, branch.tokens, branch.parent
        assert whole is not None and above is not None
        upper = Branch(branch.owner, tokens[:shared], whole.cut(0, shared).copied(), above)
        branch.span = whole.cut(shared, len(tokens)).copied()
        branch.tokens, branch.parent = tokens[shared:], upper
        above.children[self._first(tokens)] = upper
        upper.children[self._first(branch.tokens)] = branch
        return upper

    def _use(self, branch: Branch) -> None:
        """It and those above it were used just now, it first."""
        at: Branch | None = branch
        while at is not None and at.span is not None:
            self._by_use[at] = None
            self._by_use.move_to_end(at)
            at = at.parent

    def _drop(self, end: Branch) -> None:
        """Forget a branch that has none below it."""
        assert end.parent is not None and not end.children
        del end.parent.children[self._first(end.tokens)]
        self._release(end)
        if end.parent.span is None and not end.parent.children:
            del self._roots[end.owner]

    def _first(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """What finds a branch of these tokens below another."""
        return tokens[: self.block]

    def _release(self, branch: Branch) -> None:
        assert branch.span is not None
        del self._by_use[branch]
        self.num_bytes -= branch.span.num_bytes


def _num_alike(tokens: Sequence[int], others: Sequence[int]) -> int:
    """How many tokens two texts have in common from their beginning."""
    least = min(len(tokens), len(others))
    if tokens[:least] == others[:least]:
        return least
    return next(n for n in range(least) if tokens[n] != others[n])
