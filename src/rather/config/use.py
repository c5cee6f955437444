"""What a server keeps of what it gave, and how it learns from use."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from rather.config.section import Section

Redaction = Literal["key", "email", "iban", "card", "ip", "phone"]


class AB(Section):
    """A share of an alias's traffic that another version answers, to compare the two in use."""

    share: float = Field(0.0, ge=0, le=1)
    """Share of the requests, drawn by their id (or seed); 0 sends none."""
    model: str | None = None
    """Who answers them: base or a version."""
    alias: str = "prod"
    """The alias whose requests are shared; who names a version gets that version."""

    @model_validator(mode="after")
    def _has_somebody_to_answer(self) -> Self:
        if self.share > 0 and self.model is None:
            raise ValueError("ab.share needs ab.model: who is to answer that share")
        return self


class Use(Section):
    """What is kept of what was served, and learnt from what users say about it."""

    keep: Literal["none", "metadata", "texts"] = "metadata"
    """What is stored of every answer: nothing; who answered, when and how long (users' words stay
    with them, and feedback is only counted); or, redacted, also the texts, so that models can learn
    from feedback."""
    keep_days: int = Field(30, ge=1)
    """Days after which what was served is deleted, unless a user has agreed to its being learnt
    from; feedback on it is then refused."""
    redact: tuple[Redaction, ...] = ("key", "email", "iban", "card", "ip", "phone")
    """What is taken out of texts before they are stored."""
    redact_patterns: tuple[str, ...] = Field((), max_length=32)
    """Regular expressions of your own (case-insensitive) whose matches are taken out as well; a
    text they do not get through in half a second is not stored."""

    @field_validator("redact_patterns")
    @classmethod
    def _can_be_matched(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        if patterns:
            # Imported here: hardly anybody has patterns, and `--help` must not wait for regex.
            from rather.config.patterns import compiled

            for pattern in patterns:
                compiled(pattern)
        return patterns
