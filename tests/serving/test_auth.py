"""Keys: none needed where there are none, needed by everybody where there is one."""

import httpx2
import openai
import pytest
from fastapi.routing import iter_route_contexts

from rather.serving import auth
from rather.serving.auth import FREE_TRIES, PUBLIC_PATHS
from rather.store.serving import api_keys
from tests.serving.conftest import House, Running


def test_without_keys_anybody_on_this_machine_may_generate(
    house: House, serving: type[Running]
) -> None:
    server = serving(house)
    assert list(server.client("whatever").models.list())
    assert httpx2.get(f"{server.url}/v1/models").status_code == 200


def test_a_key_opens_until_it_is_closed(house: House, serving: type[Running]) -> None:
    server = serving(house)
    key = api_keys.create(house.db, "bob", "client")
    assert list(server.client(key).models.list())
    api_keys.revoke(house.db, "bob")
    other = api_keys.create(house.db, "eve", "client")
    with pytest.raises(openai.AuthenticationError) as caught:
        server.client(key).models.list()
    assert caught.value.code == "invalid_api_key"
    assert list(server.client(other).models.list())


def test_every_route_but_health_asks_for_the_key(house: House, serving: type[Running]) -> None:
    server = serving(house)
    api_keys.create(house.db, "bob", "client")
    paths = 0
    for route in iter_route_contexts(server.app.routes):
        for method in route.methods or ():
            path = route.path.replace("{model}", "base").replace("{alias}", "prod")
            reply = httpx2.request(method, server.url + path, json={})
            if route.path in PUBLIC_PATHS:
                assert reply.status_code == 200
            else:
                assert (reply.status_code, method, path) == (401, method, path)
                assert reply.json()["error"]["type"] == "authentication_error"
                paths += 1
    assert paths >= 11


def test_who_guesses_keys_must_wait(
    house: House, serving: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "SECONDS_A_TRY", 600.0)  # the test may take its time
    server = serving(house)
    key = api_keys.create(house.db, "bob", "client")
    for n in range(FREE_TRIES):
        reply = httpx2.get(f"{server.url}/v1/models", headers={"Authorization": f"Bearer {n}"})
        assert reply.status_code == 401
    reply = httpx2.get(f"{server.url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) > 0
    assert server.client().with_options(timeout=5) and httpx2.get(f"{server.url}/health").is_success


def test_only_our_own_names_and_pages_come_in(server: Running) -> None:
    url = f"{server.url}/v1/completions"
    body = {"model": "base", "prompt": "Hello", "max_tokens": 1}
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert httpx2.post(url, json=body, headers=headers).status_code in (400, 403)
    text = httpx2.post(url, content=b"{}", headers={"Content-Type": "text/plain"})
    assert (text.status_code, text.json()["error"]["param"]) == (415, None)
    assert httpx2.post(url, json=body).status_code == 200
