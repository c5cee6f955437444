"""Versions in and out of service, and aliases, by an admin and nobody else."""

from typing import Any

import httpx2
import openai
import pytest

from rather.store import versions
from rather.store.serving import api_keys
from tests.serving.conftest import House, Running

HELLO: Any = [{"role": "user", "content": "Hello"}]


def call(server: Running, key: str, method: str, path: str, body: Any = None) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.request(
        method, f"{server.url}/v1/{path}", json=body or {}, headers=headers, timeout=60
    )


def test_an_alias_switches_and_rolls_back(
    house: House, serving: type[Running], admin_key: str
) -> None:
    server = serving(house)
    client = server.client()

    def who() -> str:
        reply = client.chat.completions.create(model="prod", messages=HELLO, max_tokens=1)
        return str(reply.model)

    for version in ("ppo-1", "ppo-2", "base"):
        assert call(server, admin_key, "PUT", "aliases/prod", {"version": version}).is_success
        assert who() == version
    for version in ("ppo-2", "ppo-1"):
        reply = call(server, admin_key, "POST", "aliases/prod/rollback").json()
        assert (reply["version"], reply["is_rollback"], reply["switched_by"]) == (
            version,
            True,
            "ada",
        )
        assert who() == version
    reply = call(server, admin_key, "POST", "aliases/prod/rollback")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "nothing_before")
    listed = call(server, admin_key, "GET", "aliases").json()
    assert [one["version"] for one in listed["data"]] == ["ppo-1"]
    assert len(listed["history"]) == 5


def test_an_alias_of_nothing_is_refused(
    house: House, serving: type[Running], admin_key: str
) -> None:
    server = serving(house)
    reply = call(server, admin_key, "PUT", "aliases/prod", {"version": "ppo-99"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
    for name in ("base", "ppo-1", "newest"):
        reply = call(server, admin_key, "PUT", f"aliases/{name}", {"version": "ppo-1"})
        assert reply.status_code == 400
    assert call(server, admin_key, "POST", "aliases/never/rollback").status_code == 409


def test_what_is_unloaded_is_not_found_until_it_is_loaded(
    house: House, serving: type[Running], admin_key: str
) -> None:
    server = serving(house)
    client = server.client()

    def ask() -> str:
        reply = client.completions.create(model="ppo-5", prompt="Hello", max_tokens=9, seed=1)
        return str(reply.choices[0].text)

    before = ask()
    reply = call(server, admin_key, "POST", "unload_lora_adapter", {"lora_name": "ppo-5"}).json()
    assert (reply["in_service"], reply["loaded"]) == (False, [])
    assert "ppo-5" not in {model.id for model in client.models.list()}
    with pytest.raises(openai.NotFoundError):
        ask()
    reply = call(server, admin_key, "POST", "load_lora_adapter", {"lora_name": "ppo-5"}).json()
    assert (reply["in_service"], reply["loaded"]) == (True, ["ppo-5"])
    assert ask() == before


def test_a_path_is_no_name(house: House, serving: type[Running], admin_key: str) -> None:
    server = serving(house)
    for body in (
        {"lora_name": "x", "lora_path": "/etc"},
        {"lora_name": "../models/ppo-1"},
        {"lora_name": str(house.root / "models" / "ppo-1")},
    ):
        reply = call(server, admin_key, "POST", "load_lora_adapter", body)
        assert reply.status_code in (400, 404)


def test_a_version_that_came_while_it_runs_is_served(house: House, serving: type[Running]) -> None:
    client = serving(house).client()
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="ppo-11", prompt="Hello")
    house.publish("ppo-11", seed=11)
    assert versions.get(house.db, "ppo-11") is not None
    assert client.completions.create(model="ppo-11", prompt="Hello", max_tokens=1).usage


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "load_lora_adapter"),
        ("POST", "unload_lora_adapter"),
        ("GET", "aliases"),
        ("PUT", "aliases/prod"),
        ("POST", "aliases/prod/rollback"),
    ],
)
def test_these_are_for_admins(house: House, serving: type[Running], method: str, path: str) -> None:
    server = serving(house)
    body = {"lora_name": "ppo-1"} if "lora" in path else {"version": "ppo-1"}
    assert call(server, "guess", method, path, body).status_code == 403  # no keys at all yet
    key = api_keys.create(house.db, "bob", "client")
    reply = call(server, key, method, path, body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "admins_only")
