"""Everything `label` can be told: what is asked of people, how often, and how it is checked."""

from typing import Self

from pydantic import Field, model_validator

from rather.config.section import Section
from rather.records import Kind


class Overlap(Section):
    """How many people judge the same item, so that agreement can be measured."""

    judges: int = Field(1, ge=1)
    """People who judge every item."""
    shared_fraction: float = Field(0.1, ge=0, le=1)
    """Share of the items, drawn by chance, that more people judge."""
    shared_judges: int = Field(3, ge=1)
    """People who judge those."""


class Checks(Section):
    """Control questions that are mixed in unannounced, and what a flag does."""

    gold: str | None = None
    """A JSONL file of items with known answers, in the format of `label.kind` (pairs: prompt,
    chosen, rejected); null asks none."""
    gold_fraction: float = Field(0.05, ge=0, le=0.5)
    """Share of a labeller's questions that are control items."""
    repeat_fraction: float = Field(0.05, ge=0, le=0.5)
    """Share that are items they judged before, sides swapped."""
    min_gold: int = Field(5, ge=1)
    """Control items answered before anything follows from them."""
    warn_below: float = Field(0.7, ge=0, le=1)
    """Accuracy on control items below which a labeller is told to read the guidelines again."""
    pause_below: float = Field(0.5, ge=0, le=1)
    """Accuracy below which a labeller is asked nothing more until an admin says so; what they
    judged is kept."""
    num_flags: int = Field(2, ge=1)
    """People who flag an item before it is hidden from everybody until an admin looks."""
    identity_words: tuple[str, ...] = (
        "openai",
        "chatgpt",
        "anthropic",
        "claude",
        "gemini",
        "llama",
    )
    """An answer that has one of these words (case-insensitive) may tell who made it; it is
    listed."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.pause_below > self.warn_below:
            raise ValueError("pause_below must not be above warn_below")
        if self.gold_fraction + self.repeat_fraction > 0.5:
            raise ValueError("gold_fraction and repeat_fraction must leave half for real items")
        return self


class Labelling(Section):
    """`label`: the web app, or a declared simulated labeller."""

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs --expose."""
    port: int = Field(8470, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    kind: Kind = "pair"
    """What is asked: which of two answers, an order of several, an answer written, an answer
    edited, or good or bad of one. Simulated labellers write nothing."""
    question: str | None = None
    """The question above the answers; null takes the usual one of the kind."""
    guidelines: str = "Choose the answer you would rather have received."
    """What labellers are told, in Markdown; its hash is stored with every judgment."""
    dimensions: tuple[str, ...] = Field((), max_length=6)
    """Of pairs: what is asked beside the overall choice, for example [helpful, harmless]; optional
    for the labeller."""
    ask_strength: bool = False
    """Of pairs: whether to ask how much better (slightly, clearly, much)."""
    only_chosen: bool = True
    """Once questions were chosen (`rather choose`), ask only those; false asks everything."""
    ranking_size: int = Field(4, ge=3, le=6)
    """Answers ranked together."""
    lease_minutes: int = Field(10, ge=1)
    """How long an item is kept for the labeller it was shown to."""
    overlap: Overlap = Overlap()
    checks: Checks = Checks()
    simulate: str | None = None
    """A simulated labeller: vader, concision, rules, or module:function
    (prompt, completion -> float). Marked as simulated everywhere."""
    noise_temperature: float = Field(0.0, ge=0)
    """Bradley–Terry noise of a simulated labeller, in units of its gold score; 0 never errs."""
    tie_margin: float = Field(0.0, ge=0)
    """Gold differences up to this are ties."""
    num_judgments: int | None = Field(None, ge=1)
    """Judgments a simulated labeller gives in all (a round); null judges everything."""

    @model_validator(mode="after")
    def _can_be_simulated(self) -> Self:
        if self.simulate is not None and self.kind in ("demonstration", "correction"):
            raise ValueError(f"a simulated labeller writes nothing: kind {self.kind} is for people")
        return self
