"""The built page is served, and no other file is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rather.config.stages import Config
from rather.store.database import Database
from rather.web.app import create_app


def test_the_page_and_its_files_are_served(ann: TestClient) -> None:
    assert ann.get("/").text == "<!doctype html><title>page</title>"
    assert ann.get("/assets/index-1.js").text == "export {}"
    assert ann.get("/icon.svg").headers["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/index.html",
        "/assets/%252e%252e%252findex.html",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/index-1.js%00",
        "/assets/..\\index.html",
        "/static/index.html",
        "/rather.db",
    ],
)
def test_no_path_leads_out(ann: TestClient, path: str) -> None:
    assert ann.get(path).status_code == 404


def test_a_page_that_was_not_built_says_how(
    db: Database, tmp_path: Path, browser: Callable[..., TestClient]
) -> None:
    client = browser(create_app(db, Config(), "w", secret=b"x", static=tmp_path / "nothing"), "ann")
    reply = client.get("/")
    assert reply.status_code == 503
    assert "<code>npm ci &amp;&amp; npm run build</code>" in reply.text
    assert client.get("/notice.css").status_code == 404
