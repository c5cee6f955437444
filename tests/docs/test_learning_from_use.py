"""docs/learning-from-use.md: its examples work, and its names and numbers are those in force."""

import json
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
import yaml
from fastapi.testclient import TestClient

from rather.config.loading import load
from rather.config.use import Redaction, Use
from rather.feedback.use import redaction
from rather.serving.feedback import joining
from rather.store.use import reactions
from tests.serving.feedback.conftest import KEPT, chat, db, parrot, serve

__all__ = ["db", "parrot", "serve"]  # fixtures
Find = Callable[[str], list[str]]


@pytest.fixture
def use(page: Callable[[str], str]) -> str:
    return page("learning-from-use.md")


def test_what_it_points_to_is_there(use: str, broken_links: Find, broken_pointers: Find) -> None:
    assert broken_links(use) == []
    assert broken_pointers(use) == []


def test_its_settings_load(use: str) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", use, re.DOTALL)
    section = load(None, yaml.safe_load(block)).serve
    assert (section.keep, section.keep_days, section.ab.share) == ("texts", 30, 0.1)
    assert (section.ab.model, section.ab.alias) == ("ppo-2", "prod")


def test_its_requests_are_answered(use: str, serve: Callable[..., Any], db: Any) -> None:
    api: TestClient = serve(**KEPT)[0]
    found = re.findall(r"curl http://127.0.0.1:8471(\S+) .*?-d '\n(.*?)'", use, re.DOTALL)
    assert [path for path, _ in found] == ["/v1/feedback", "/v1/compare"]
    for path, body in found:
        sent = json.loads(body.replace("chatcmpl-5f…", chat(api)["id"]))
        assert api.post(path, json=sent).status_code == 200
    assert len(reactions.all(db)) == 1


def test_its_names_and_numbers_are_those_in_force(use: str) -> None:
    for kind in get_args(Redaction):
        assert f"`[{kind}]`" in use
    assert set(get_args(Redaction)) == set(redaction.BUILT_IN)
    assert redaction.MAX_SECONDS == 0.5 and "half a second" in use
    assert joining.SECONDS_BETWEEN_PURGES == 3600 and "every hour" in use
    assert f"| `{Use().keep}` (default) |" in use
