"""What every section of the configuration has in common."""

import pytest
from pydantic import Field, ValidationError

from rather.config.section import Section


class Example(Section):
    """A section."""

    size: float = Field(1.0, gt=0)
    """How big."""


def test_the_docstring_below_a_field_is_its_description() -> None:
    assert Example.model_fields["size"].description == "How big."


@pytest.mark.parametrize("values", [{"sise": 1}, {"size": 0}, {"size": float("nan")}])
def test_typos_and_nonsense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Example.model_validate(values)
