"""One vLLM server as a rollout asks it: weights by name, completions one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from rather.rollout.requests import Sampled
from rather.rollout.vllm.wire import ServerFailed, ServerRefused, complaint, draw

CONNECT_S = 5.0
BRIEFLY = httpx2.Timeout(60.0, connect=CONNECT_S)
"""For what a server says or does about itself."""
AT_LENGTH = httpx2.Timeout(600.0, connect=CONNECT_S)
"""For a completion."""
JSON = "application/json"


class Server:
    """A server at an address; may be used by several threads."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.backbone = ""
        """What it calls the backbone without an adapter, once it was asked for its models."""
        self._http = httpx2.Client(
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
        )

    def close(self) -> None:
        """Let its connections go."""
        self._http.close()

    def models(self) -> set[str]:
        """The names it answers to."""
        names = [one["id"] for one in self._ask("GET", "/v1/models")["data"]]
        self.backbone = names[0]  # vLLM tells its own model first, then the adapters
        return set(names)

    def load(self, name: str, folder: Path) -> None:
        """Have it read an adapter."""
        self._ask("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})

    def unload(self, name: str) -> None:
        """Have it forget an adapter."""
        self._ask("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def weights(self) -> str | None:
        """The name of the weights its model has; None where it has no route that says so."""
        try:
            return str(self._ask("GET", "/weight_info")["weight_version"])
        except ServerRefused:
            return None

    def reload(self, name: str, folder: Path) -> None:
        """Have its model read all weights from a folder, and call them by that name.

        What it was writing is given up, and what it remembers of prompts forgotten. Its weights
        have no sound name in between.
        """
        self._ask("POST", "/update_weight_version", {"new_version": f"reading {name}"})
        self._ask("POST", "/pause?mode=abort")
        asked = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        self._ask("POST", "/collective_rpc", asked, AT_LENGTH)
        self._ask("POST", "/update_weight_version", {"new_version": name})
        self._ask("POST", "/resume")

    def logprobs(self, model: str | None, ids: Sequence[int]) -> list[float]:
        """log π of each token of a text after its first, at temperature 1: [len(ids) − 1].

        `model` None: the backbone.
        """
        body = draw(model, ids, 0, (), max_tokens=1, prompt_logprobs=0)
        told = self._choice(body)["prompt_logprobs"]
        return [
            float(places[str(token)]["logprob"])
            for token, places in zip(ids[1:], told[1:], strict=True)
        ]

    def complete(self, body: dict[str, Any]) -> Sampled:
        """One completion (see `wire.draw`); its ids end with the stop token where it stopped."""
        choice = self._choice(body)
        reason = choice["finish_reason"]
        if reason not in ("stop", "length"):
            raise ServerFailed(f"a completion ended with {reason}")
        logprobs = choice["logprobs"]["token_logprobs"]
        return Sampled(tuple(choice["token_ids"]), tuple(logprobs), reason)

    def _choice(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = {**body, "model": body["model"] or self.backbone}
        told = self._ask("POST", "/v1/completions", asked, AT_LENGTH)
        choice: dict[str, Any] = told["choices"][0]
        return choice

    def _ask(
        self,
        method: str,
        route: str,
        body: dict[str, Any] | None = None,
        timeout: httpx2.Timeout = BRIEFLY,
    ) -> Any:
        try:
            reply = self._http.request(method, self.url + route, json=body, timeout=timeout)
            told = reply.json() if reply.headers.get("content-type", "").startswith(JSON) else None
        except (httpx2.HTTPError, ValueError) as error:
            raise ServerFailed(f"{type(error).__name__}: {error}") from error
        if not reply.is_success:
            raise complaint(reply.status_code, told, reply.reason_phrase)
        return told
