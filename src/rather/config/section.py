"""The shape every part of the configuration has: frozen, strict, documented by its own fields."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen group of settings; the docstring under a field is its help everywhere."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
