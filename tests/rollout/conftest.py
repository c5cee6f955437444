"""Tiny models of several families, and a loud adapter, as the tests of models have them."""

from tests.models.conftest import loud, new_model

__all__ = ["loud", "new_model"]
