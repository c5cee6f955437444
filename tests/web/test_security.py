"""What is refused before any route is reached."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from rather.web.security import HostList, is_loopback_host, is_same_origin


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "127.0.0.1/b", "localhost?", "a b", "", "10.0.0.7"],
)
def test_a_foreign_host_is_refused_on_every_path(ann: TestClient, host: str) -> None:
    for path in ("/", "/api/me", "/login", "/nowhere"):
        reply = ann.get(path, headers={"Host": host})
        assert reply.status_code == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8470", "[::1]:8470", "LOCALHOST"])
def test_our_own_names_are_answered(ann: TestClient, host: str) -> None:
    assert ann.get("/api/me", headers={"Host": host}).status_code == 200


def test_an_exposed_server_answers_to_addresses_but_not_to_foreign_names() -> None:
    hosts = HostList("0.0.0.0")
    assert hosts.allows("192.168.1.5:8470")
    assert hosts.allows("[fe80::1]:8470")
    assert not hosts.allows("evil.example")
    assert HostList("labels.example").allows("labels.example:8470")


JSON = {"Content-Type": "application/json"}
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://127.0.0.1:9999"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_no_other_site_can_write(app: FastAPI, ann: TestClient, headers: dict[str, str]) -> None:
    del ann.headers["Sec-Fetch-Site"]
    paths = [route.path for route in iter_route_contexts(app.routes)]
    assert "/api/judgments" in paths
    for path in paths:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            reply = ann.request(method, path, json={}, headers=headers)
            assert reply.status_code == 403, (method, path)


def test_same_origin_is_what_the_browser_says() -> None:
    def said(**headers: str) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return is_same_origin(Headers({"host": "127.0.0.1:8470", **named}))

    assert said(sec_fetch_site="same-origin")
    assert said(origin="http://127.0.0.1:8470")
    assert said(origin="https://127.0.0.1:8470", sec_fetch_site="same-origin")
    assert not said(origin="http://127.0.0.1:8470", sec_fetch_site="cross-site")


def test_only_json_is_read(ann: TestClient) -> None:
    body = '{"idempotency_key": "12345678"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        reply = ann.post("/api/undo", content=body, headers={"Content-Type": kind})
        assert reply.status_code == 415
    assert ann.post("/api/undo", content="{", headers=JSON).status_code == 422


def test_a_body_must_say_its_length_and_be_small(ann: TestClient) -> None:

    def unknown_length() -> Iterator[bytes]:
        yield b"{}"

    assert ann.post("/api/undo", content=unknown_length(), headers=JSON).status_code == 411
    assert ann.post("/api/undo", content=b" " * 1_048_577, headers=JSON).status_code == 413


@pytest.mark.parametrize("path", ["/", "/api/next", "/login?token=x", "/nowhere", "/notice.css"])
def test_every_response_carries_the_headers(ann: TestClient, path: str) -> None:
    headers = ann.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_assets_may_be_cached(ann: TestClient) -> None:
    reply = ann.get("/assets/index-1.js")
    assert reply.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_a_bug_shows_a_number_and_nothing_else(
    app: FastAPI, ann: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:

    def break_down(*_: object) -> None:
        raise RuntimeError("secret path /home/x")

    monkeypatch.setattr(app.state.context.worklist, "look", break_down)
    client = TestClient(
        app,
        base_url="http://127.0.0.1",
        cookies=dict(ann.cookies),
        raise_server_exceptions=False,
    )
    reply = client.get("/api/next")
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("192.168.0.2", False), ("labels.example", False), ("", False)],
)  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback_host(host) is expected
