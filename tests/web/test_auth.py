"""Nobody gets in without a link, and a link works once; every route: admin/test_routes.py."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from rather.store import logins
from rather.store.database import Database
from rather.web.context import cookie_name_of


def test_the_refusal_is_the_same_for_no_cookie_and_a_made_up_one(stranger: TestClient) -> None:
    without = stranger.get("/api/next")
    stranger.cookies.set(stranger.app.state.context.cookie_name, "x" * 43)
    made_up = stranger.get("/api/next")
    assert (without.status_code, without.json()) == (made_up.status_code, made_up.json())
    assert without.json()["error"]["type"] == "authentication_error"


def test_a_link_logs_in_once(app: FastAPI, stranger: TestClient, db: Database) -> None:
    token = logins.create_token(db, "ann", 60)
    reply = stranger.get("/login", params={"token": token}, follow_redirects=False)
    assert reply.status_code == 303
    assert reply.headers["Location"] == "/"
    cookie = reply.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token.lower() not in cookie
    assert stranger.get("/api/me").json()["name"] == "Ann"

    again = TestClient(app, base_url="http://127.0.0.1").get("/login", params={"token": token})
    assert again.status_code == 401
    assert "This link does not work any more" in again.text
    assert "Set-Cookie" not in again.headers


def test_an_old_or_unknown_link_says_so(stranger: TestClient, db: Database) -> None:
    old = logins.create_token(db, "ann", -1)
    for token in (old, "unknown", ""):
        reply = stranger.get("/login", params={"token": token})
        assert reply.status_code == 401
        assert "rather label" in reply.text


def test_a_link_in_another_site_logs_in_too(stranger: TestClient, db: Database) -> None:
    # The browser sends no strict cookie along a redirect that began elsewhere.
    params = {"token": logins.create_token(db, "ann", 60)}
    reply = stranger.get("/login", params=params, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/">' in reply.text
    assert stranger.get("/api/me").status_code == 200


def test_a_revoked_session_is_over(ann: TestClient, db: Database) -> None:
    logins.revoke(db, str(ann.cookies[ann.app.state.context.cookie_name]))
    assert ann.get("/api/me").status_code == 401
    assert "Please open your link" in ann.get("/").text


def test_two_workspaces_do_not_share_a_cookie() -> None:
    assert cookie_name_of(b"one secret") == "rather_session_7db31997"
    assert cookie_name_of(b"another secret") != cookie_name_of(b"one secret")
