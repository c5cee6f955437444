"""The known world, made once."""

import pytest

from examples.known_truth.world import World, new_world


@pytest.fixture(scope="session")
def world() -> World:
    """Three prompts, forty completions; trainers add adapters of their own to it."""
    return new_world()
