"""Invitations, roles, pauses and sessions, as an admin's page sees and changes them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rather.feedback.pair import Pair
from rather.store.database import Database
from rather.store.schema import METADATA

URL = "/api/admin/people"


def everybody(admin: TestClient) -> dict[str, Any]:
    return {one["id"]: one for one in admin.get(URL).json()["people"]}


def test_everybody_is_listed(ada: TestClient, ann: TestClient, team: Any) -> None:
    team.says("ann", Pair("c0a", "c0b", "A"), "p0")
    team.says("ann", Pair("c1a", "c1b", "A"), "p1", source="gold_check")
    team.says("sim", Pair("c0a", "c0b", "A"), "p0")
    found = everybody(ada)
    assert list(found) == ["ada", "ann", "bob", "cem", "sim:x"]
    (session,) = found["ann"].pop("sessions")
    assert found["ann"] == {
        "id": "ann", "name": "Ann", "role": "labeller", "is_simulated": False, "paused": "",
        "judgments": 1, "has_open_invitation": False,
    }  # fmt: skip
    assert (len(session["id"]), session["is_current"]) == (16, False)
    assert [one["is_current"] for one in found["ada"]["sessions"]] == [True]
    assert (found["sim:x"]["is_simulated"], found["sim:x"]["judgments"]) == (True, 1)


def test_an_invitation_lets_one_new_person_in_once(
    app: FastAPI, ada: TestClient, browser: Callable[..., TestClient]
) -> None:
    reply = ada.post(URL, json={"name": " Dan <b> "})
    assert reply.status_code == 200
    invitation = reply.json()
    assert invitation["name"] == "Dan <b>"
    left = datetime.fromisoformat(invitation["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6.99) < left < timedelta(days=7.01)
    assert everybody(ada)[invitation["id"]]["has_open_invitation"] is True
    dan = browser(app, None)
    assert dan.get(invitation["path"], follow_redirects=False).status_code == 303
    assert dan.get("/api/admin/people").status_code == 403
    assert browser(app, None).get(invitation["path"]).status_code == 401
    found = everybody(ada)[invitation["id"]]
    assert (found["has_open_invitation"], found["role"], len(found["sessions"])) == (
        False, "labeller", 1,
    )  # fmt: skip


def test_another_link_takes_the_place_of_the_open_one(
    app: FastAPI, ada: TestClient, browser: Callable[..., TestClient]
) -> None:
    first = ada.post(f"{URL}/ann/invitations", json={}).json()
    second = ada.post(f"{URL}/ann/invitations", json={}).json()
    assert (second["id"], second["name"]) == ("ann", "Ann")
    assert browser(app, None).get(first["path"]).status_code == 401
    assert browser(app, None).get(second["path"], follow_redirects=False).status_code == 303


def test_the_database_holds_no_link(ada: TestClient, db: Database) -> None:
    token = ada.post(URL, json={"name": "Dan"}).json()["path"].removeprefix("/login?token=")
    with db.read() as connection:
        content = str([connection.execute(select(table)).all() for table in METADATA.sorted_tables])
    assert "Dan" in content
    assert token not in content


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"name": ""}, 422),
        ({"name": "   "}, 422),
        ({"name": "x" * 81}, 422),
        ({"name": "Dan", "role": "owner"}, 422),
        ({"name": "Dan", "password": "x"}, 422),
        ({"name": "a\x00b"}, 409),  # no database keeps it
    ],
)
def test_a_bad_invitation_is_refused(ada: TestClient, body: Any, status: int) -> None:
    assert ada.post(URL, json=body).status_code == status
    assert len(everybody(ada)) == 5


def test_roles_change_at_once_and_one_admin_stays(ada: TestClient, ann: TestClient) -> None:
    refused = ada.put(f"{URL}/ada", json={"role": "labeller"})
    assert refused.status_code == 409
    assert "last admin" in refused.json()["error"]["message"]
    assert ann.get(URL).status_code == 403
    assert ada.put(f"{URL}/ann", json={"role": "admin"}).json() == {"replayed": False}
    assert ann.get(URL).status_code == 200
    assert ann.put(f"{URL}/ada", json={"role": "labeller"}).status_code == 200
    assert ada.get(URL).status_code == 403
    assert ann.put(f"{URL}/ann", json={"role": "labeller"}).status_code == 409


def test_pause_and_go_on(ada: TestClient) -> None:
    ada.put(f"{URL}/ann", json={"paused": "see me first"})
    assert everybody(ada)["ann"]["paused"] == "see me first"
    ada.put(f"{URL}/ann", json={"role": "labeller"})
    assert everybody(ada)["ann"]["paused"] == "see me first"
    ada.put(f"{URL}/ann", json={"paused": ""})
    assert everybody(ada)["ann"]["paused"] == ""


def test_sessions_end_one_by_one_or_all_together(
    app: FastAPI, ada: TestClient, ann: TestClient, browser: Callable[..., TestClient]
) -> None:
    other = browser(app, "ann")
    link = ada.post(f"{URL}/ann/invitations", json={}).json()["path"]
    first, second = everybody(ada)["ann"]["sessions"]
    assert ada.request("DELETE", f"/api/admin/sessions/{first['id']}", json={}).status_code == 200
    assert [one["id"] for one in everybody(ada)["ann"]["sessions"]] == [second["id"]]
    assert (ann.post("/api/logout", json={}).status_code, other.get(URL).status_code) == (401, 403)
    again = ada.request("DELETE", f"/api/admin/sessions/{first['id']}", json={})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "unknown_session")
    assert ada.request("DELETE", f"{URL}/ann/sessions", json={}).status_code == 200
    assert everybody(ada)["ann"]["sessions"] == []
    assert other.get(URL).status_code == 401
    assert browser(app, None).get(link).status_code == 401


def test_a_session_id_opens_nothing(app: FastAPI, ada: TestClient, ann: TestClient) -> None:
    cookie = app.state.context.cookie_name
    (shown,) = everybody(ada)["ann"]["sessions"]
    ann.cookies.clear()
    ann.cookies.set(cookie, shown["id"])
    assert ann.get(URL).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", f"{URL}/nobody", 404, "unknown_person"),
        ("POST", f"{URL}/nobody/invitations", 404, "unknown_person"),
        ("DELETE", f"{URL}/nobody/sessions", 404, "unknown_person"),
        ("PUT", f"{URL}/sim:x", 422, "invalid"),
        ("DELETE", "/api/admin/sessions/zz", 422, "invalid"),
    ],
)
def test_what_is_not_there(ada: TestClient, method: str, path: str, status: int, code: str) -> None:
    reply = ada.request(method, path, json={})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_names_are_shown_as_they_are(ada: TestClient) -> None:
    ada.post(URL, json={"name": "Ann\u202egnorw"})
    assert [one["name"] for one in everybody(ada).values()][-1] == "Ann⟨U+202E⟩gnorw"


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(max_size=40))
def test_any_name_is_taken_or_refused(ada: TestClient, name: str) -> None:
    assert ada.post(URL, json={"name": name}).status_code in (200, 409, 422)
