"""Every route of the whole app × everybody who may knock; a route without a row fails."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from rather.feedback.pair import Pair
from rather.store import logins
from rather.store.database import Database

OWN = {
    # (method, path): (nobody, labeller, admin) where the body is {} and ids are made up
    "GET /login": (401, 401, 401),
    "GET /notice.css": (404, 404, 404),  # the page is not built here
    "GET /icon.svg": (404, 404, 404),
    "GET /": (401, 503, 503),
    "GET /history": (401, 503, 503),
    "GET /admin": (401, 503, 503),  # the page of all places; what it asks for is guarded
    "GET /admin/{place:path}": (401, 503, 503),
    "GET /playground": (401, 503, 503),
    "GET /assets/{name}": (401, 404, 404),
    "GET /api/me": (401, 200, 200),
    "GET /api/next": (401, 200, 200),
    "GET /api/items/{item_id}": (401, 404, 404),
    "GET /api/history": (401, 200, 200),
    "POST /api/judgments": (401, 422, 422),
    "POST /api/undo": (401, 422, 422),
    "POST /api/remarks": (401, 422, 422),
    "POST /api/remarks/withdraw": (401, 422, 422),
    "PUT /api/drafts/{item_id}": (401, 422, 422),
    "POST /api/logout": (401, 200, 200),
}
ADMINS_ONLY = {
    "GET /api/admin/overview": 200,
    "GET /api/admin/items": 200,
    "GET /api/admin/items/{item_id}": 404,
    "POST /api/admin/items/{item_id}/settle": 422,
    "POST /api/admin/items/{item_id}/decide": 422,
    "GET /api/admin/people": 200,
    "POST /api/admin/people": 422,
    "POST /api/admin/people/{id}/invitations": 404,
    "PUT /api/admin/people/{id}": 404,
    "DELETE /api/admin/people/{id}/sessions": 404,
    "DELETE /api/admin/sessions/{session_id}": 404,
    "GET /api/admin/export": 422,
    "GET /api/admin/runs": 200,
    "GET /api/admin/runs/{run_id}": 404,
    "GET /api/admin/runs/{run_id}/answers": 404,
    "GET /api/admin/report": 501,  # without PyTorch in the app
    "GET /api/admin/playground/models": 200,
    "POST /api/admin/playground/answers": 422,
    "POST /api/admin/playground/judgments": 422,
    "POST /api/admin/playground/corrections": 422,
}
ROWS = OWN | {route: (401, 403, status) for route, status in ADMINS_ONLY.items()}
MADE_UP = {
    "{item_id}": "0" * 26, "{id}": "nobody", "{session_id}": "0" * 16, "{run_id}": "nothing",
    "{name}": "x.js", "{place:path}": "people",
}  # fmt: skip


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            yield method, str(route.path)


def filled(path: str) -> str:
    for hole, value in MADE_UP.items():
        path = path.replace(hole, value)
    assert "{" not in path, f"say in MADE_UP what stands in {path}"
    return path


def knocked(app: FastAPI, client: TestClient) -> dict[str, int]:
    """The status of every route for one visitor; logging out comes last."""
    found = {}
    last = ("POST", "/api/logout")
    for method, path in sorted(routes(app), key=lambda one: one == last):
        reply = client.request(method, filled(path), json={})
        found[f"{method} {path}"] = reply.status_code
        if reply.status_code == 403:
            assert reply.json()["error"]["code"] == "admins_only"
    return found


@pytest.fixture
def revoked(app: FastAPI, browser: Callable[..., TestClient], db: Database) -> TestClient:
    """The browser of an admin whose session an admin has ended."""
    client = browser(app, "ada")
    logins.revoke(db, str(client.cookies[app.state.context.cookie_name]))
    return client


def test_every_route_has_a_row(app: FastAPI) -> None:
    assert {f"{method} {path}" for method, path in routes(app)} - ROWS.keys() == set()


@pytest.mark.parametrize(("who", "column"), [(None, 0), ("ann", 1), ("ada", 2)])
def test_every_route_for_everybody(
    app: FastAPI, browser: Callable[..., TestClient], who: str | None, column: int
) -> None:
    found = knocked(app, browser(app, who))
    assert len(found) > 20
    assert found == {route: ROWS[route][column] for route in found}


def test_a_revoked_session_is_nobodys(app: FastAPI, revoked: TestClient) -> None:
    found = knocked(app, revoked)
    assert found == {route: ROWS[route][0] for route in found}


def test_a_session_ends_by_itself(
    app: FastAPI, ada: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ada.get("/api/admin/people").status_code == 200
    monkeypatch.setattr(logins, "SESSION_SECONDS", -1)
    assert ada.get("/api/admin/people").status_code == 401


FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {},
]


@pytest.mark.slow
def test_no_other_site_can_write_anywhere(app: FastAPI, ada: TestClient) -> None:
    del ada.headers["Sec-Fetch-Site"]
    for path in {path for _, path in routes(app)}:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for headers in FOREIGN:
                reply = ada.request(method, filled(path), json={}, headers=headers)
                assert reply.status_code == 403, (method, path, headers)
            plain = ada.request(method, filled(path), content="{}", headers={
                "Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain",
            })  # fmt: skip
            assert plain.status_code == 415


ODD = [
    "..", "../../etc/passwd", "/etc/passwd", "%2e%2e%2f", "%252e%252e%252f", "..%5c..%5c",
    "\\\\server\\share", "C:\\x", "a%00b", "%00", "\x7f", "' OR 1=1 --", "{}", "*", "%c0%ae",
]  # fmt: skip
PARTS = st.sampled_from(ODD) | st.text(max_size=40)


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(part=PARTS)
def test_any_text_in_a_path_is_refused(app: FastAPI, ada: TestClient, part: str) -> None:
    from urllib.parse import quote

    for method, path in routes(app):
        if "{" not in path:
            continue
        for text in {part, quote(part, safe="")}:
            before, _, after = path.partition("{")
            asked = before + text + after.partition("}")[2]
            try:
                reply = ada.request(method, asked, json={})
            except Exception as error:  # the client itself finds no address in it
                assert "URL" in type(error).__name__
                continue
            # 2xx only where the text led to another route that takes nothing from it
            assert reply.status_code in (200, 303, 404, 405, 409, 415, 422, 501, 503), asked
            assert "passwd:" not in reply.text and "root:" not in reply.text


def test_a_bug_shows_a_number_and_nothing_else(
    app: FastAPI, ada: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("secret path of mine")

    monkeypatch.setattr(type(db), "read", break_down)
    monkeypatch.setattr(type(db), "write", break_down)
    client = TestClient(
        app, base_url=str(ada.base_url), headers=dict(ada.headers), raise_server_exceptions=False
    )
    client.cookies.update(ada.cookies)
    for method, path in routes(app):
        reply = client.request(method, filled(path), json={})
        assert "secret" not in reply.text, path
        assert "Traceback" not in reply.text
        if path.startswith("/api/"):
            assert (reply.status_code, reply.json()["error"]["type"]) == (500, "server_error")
            assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_who_is_asking_is_looked_up_once(app: FastAPI, ada: TestClient, db: Database) -> None:
    asked: list[str] = []
    event.listen(db._engine, "before_cursor_execute", lambda *heard: asked.append(heard[2]))
    for path in ("/api/me", "/api/admin/people", "/api/admin/overview"):
        asked.clear()
        assert ada.get(path).status_code == 200
        assert len([text for text in asked if "JOIN sessions" in text]) == 1


def judged_by_bob(app: FastAPI, browser: Callable[..., TestClient]) -> tuple[TestClient, Any, Any]:
    """Bob's browser, the task he had, and his judgment."""
    bob = browser(app, "bob")
    task = bob.get("/api/next").json()["tasks"][0]
    body = {
        "item_id": task["item_id"], "said": {"kind": "pair", "choice": "A"}, "ms_to_decision": 2000,
        "idempotency_key": "bobs-key-1", "guidelines_hash": "", "comment": "bob's words",
    }  # fmt: skip
    reply = bob.post("/api/judgments", json=body)
    assert reply.status_code == 200, reply.text
    return bob, body, reply.json()


def test_one_labeller_reaches_nothing_of_another(
    new_app: Callable[..., FastAPI], browser: Callable[..., TestClient]
) -> None:
    app = new_app(overlap={"judges": 1, "shared_fraction": 0.0})
    bob, body, given = judged_by_bob(app, browser)
    ann = browser(app, "ann")
    assert ann.get(f"/api/items/{body['item_id']}").status_code == 404
    draft = {"draft": {"text": "mine", "comment": ""}}
    assert ann.put(f"/api/drafts/{body['item_id']}", json=draft).status_code == 404
    assert ann.get("/api/history").json()["entries"] == []
    # Bob's key says nothing to Ann, and takes nothing of his back.
    undo = {"idempotency_key": "anns-undo-1", "judgment_key": "bobs-key-1"}
    assert ann.post("/api/undo", json=undo).status_code in (404, 409)
    own = ann.get("/api/next").json()["tasks"][0]["item_id"]
    edit = body | {
        "item_id": own, "idempotency_key": "anns-key-1", "supersedes": given["judgment_id"],
    }  # fmt: skip
    assert ann.post("/api/judgments", json=edit).status_code in (404, 409)
    same_key = ann.post("/api/judgments", json=body | {"item_id": own})
    assert same_key.json()["judgment_id"] != given["judgment_id"]
    page = bob.get("/api/history").json()["entries"]
    assert [one["judgment_id"] for one in page] == [given["judgment_id"]]


def test_a_labeller_sees_no_model_anywhere(ann: TestClient, team: Any) -> None:
    team.says("bob", Pair("c0a", "c0b", "A"), "p0")
    for path in ("/api/me", "/api/next", "/api/history"):
        assert "sft-1" not in ann.get(path).text


def test_bad_links_have_to_wait(
    app: FastAPI, browser: Callable[..., TestClient], db: Database
) -> None:
    client = browser(app, None)
    for number in range(10):
        assert client.get("/login", params={"token": f"guess-{number}"}).status_code == 401
    good = logins.create_token(db, "ann", 60)
    reply = client.get("/login", params={"token": good})
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["Retry-After"]) <= 6
    assert good not in reply.text
    # Whoever is in already stays in, and the link still works later.
    app.state.login_tries = None
    del app.state.login_tries
    assert client.get("/login", params={"token": good}, follow_redirects=False).is_redirect


def test_logging_out_ends_the_session(app: FastAPI, ann: TestClient) -> None:
    cookie = app.state.context.cookie_name
    session = ann.cookies[cookie]
    reply = ann.post("/api/logout", json={})
    assert (reply.status_code, reply.json()) == (200, {"replayed": False})
    assert cookie not in ann.cookies
    ann.cookies.set(cookie, session)
    assert ann.get("/api/me").status_code == 401
