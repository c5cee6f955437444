"""A running server, as the chat speaks to it: JSON, and streams of events."""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rather.errors import EnvironmentFault, UsageError
from rather.rollout.endpoint import UNUSABLE, unusable

KEY_NAMES = ("RATHER_API_KEY", "OPENAI_API_KEY")
"""Variables of the environment that may hold the server's key; the first one there is sent."""
SECONDS_OF_SILENCE = 300
MOST_CHARACTERS = 300
"""Of what a server says about an error."""


@dataclass(frozen=True)
class Server:
    """An address that ends in /v1, and the key that opens it."""

    url: str
    key: str | None = None

    def ask(self, path: str, body: dict[str, Any] | None = None) -> http.client.HTTPResponse:
        """The open reply to a request; EnvironmentFault, in a sentence, where it is refused."""
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            reply: http.client.HTTPResponse = urllib.request.urlopen(
                request, timeout=SECONDS_OF_SILENCE
            )
            return reply
        except urllib.error.HTTPError as error:
            with error:
                raise EnvironmentFault(f"{self.url} says: {_said(error)}") from None
        except UNUSABLE as error:
            raise unusable(self.url, error) from None

    def json(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A reply that is JSON."""
        try:
            with self.ask(path, body) as reply:
                return json.load(reply)
        except UNUSABLE as error:
            raise unusable(self.url, error) from None


def server_at(url: str) -> Server:
    """The server at an address; UsageError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"{url} is no address of a server; write it as http://host:port.")
    there = url.rstrip("/")
    key = next((os.environ[name] for name in KEY_NAMES if os.environ.get(name)), None)
    return Server(there if there.endswith("/v1") else f"{there}/v1", key)


def chunks(reply: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The JSON of each event, until the stream says that it is done."""
    for line in reply:
        if not line.startswith(b"data: "):
            continue
        if line.strip() == b"data: [DONE]":
            return
        chunk = json.loads(line[len(b"data: ") :])
        if "error" in chunk:
            raise EnvironmentFault(str(chunk["error"]["message"])[:MOST_CHARACTERS])
        yield chunk
    raise EnvironmentFault("The stream broke off before its end; ask again.")


def _said(error: urllib.error.HTTPError) -> str:
    """What a server says is wrong, as far as it can be read."""
    try:
        return str(json.load(error)["error"]["message"])[:MOST_CHARACTERS]
    except UNUSABLE:
        return f"{error.code} {error.reason}."
