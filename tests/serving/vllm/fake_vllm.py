"""A stand-in for vLLM's HTTP server, on the standard library: it spells letters, slowly if asked.

Started as a process, like the real one: `fake_vllm.py --host H --port P [--delay S] [--dies] ...`.
Token t of a completion is the letter number (last prompt token + seed + t), A-Z with an adapter;
with --varies also the adapter's name moves it.
`GET /seen` tells what it was asked; `POST /fault {"name": ...}` makes it misbehave from then on,
`POST /probe {"logprobs": [...]}` says what it answers about prompts.
"""

import argparse
import json
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STOP_ID = 2


class Seen:
    """What the server was asked, and how it is to misbehave."""

    def __init__(self) -> None:
        self.loaded: dict[str, str] = {}
        self.loads: list[str] = []
        """Every name that was ever loaded, in order."""
        self.bodies: list[dict[str, Any]] = []
        self.aborted = self.running = self.most_running = 0
        self.fault = ""
        self.weights: str | None = "default"
        """What its model's weights are called; None as without VLLM_SERVER_DEV_MODE."""
        self.read: list[str] = []
        """Folders that its model's weights were read from."""
        self.is_paused = False
        self.probe: list[float] = []
        """What it says of a prompt's tokens after the first; where nothing is set, what it says of
        every token."""
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    seen: Seen
    delay = 0.0
    logprob = -0.5
    varies = False

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""

    def do_GET(self) -> None:
        """Health, and what was seen."""
        if self.path == "/health":
            self._reply(503 if self.seen.fault == "unhealthy" else 200, {})
        elif self.path == "/v1/models":
            self._reply(200, {"data": [{"id": name} for name in ("base", *self.seen.loaded)]})
        elif self.path == "/weight_info" and self.seen.weights is not None:
            self._reply(200, {"weight_version": self.seen.weights})
        elif self.path == "/seen":
            told = {key: value for key, value in vars(self.seen).items() if key != "lock"}
            self._reply(200, told)
        else:
            self._complain(404, f"no route {self.path}")

    def do_POST(self) -> None:
        """Completions, adapters, faults."""
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(sent) if sent else {}
        if self.path == "/fault":
            self.seen.fault = body["name"]
            self._reply(200, {})
        elif self.path == "/probe":
            self.seen.probe = body["logprobs"]
            self._reply(200, {})
        elif self.path == "/weights":
            self.seen.weights = body["name"]
            self._reply(200, {})
        elif self.path in ("/pause?mode=abort", "/resume"):
            self.seen.is_paused = self.path != "/resume"
            self._reply(200, {})
        elif self.path == "/update_weight_version":
            self.seen.weights = body["new_version"]
            self._reply(200, {})
        elif self.path == "/collective_rpc":
            self._read(body["method"], body["kwargs"])
        elif self.path == "/v1/load_lora_adapter":
            self._load(body["lora_name"], body["lora_path"])
        elif self.path == "/v1/unload_lora_adapter":
            if self.seen.loaded.pop(body["lora_name"], None) is None:
                self._complain(404, f"the adapter {body['lora_name']} cannot be found")
            else:
                self._reply(200, {})
        elif self.path == "/v1/completions":
            self._complete(body)

    def _read(self, method: str, kwargs: dict[str, str]) -> None:
        folder = kwargs.get("weights_path", "")
        if method != "reload_weights" or not (Path(folder) / "model.safetensors").exists():
            self._complain(500, f"cannot {method} from {folder}")
        elif not self.seen.is_paused:
            self._complain(500, "weights were changed while it writes")
        else:
            self.seen.read.append(folder)
            self._reply(200, {})

    def _load(self, name: str, folder: str) -> None:
        if name in self.seen.loaded:
            self._complain(400, f"{name} has already been loaded")
        elif not (Path(folder) / "adapter_config.json").exists():
            self._complain(404, f"no adapter found for {name}")
        elif self.seen.fault == "rejects":
            self._complain(500, "an adapter it cannot read")
        else:
            self.seen.loaded[name] = folder
            self.seen.loads.append(name)
            self._reply(200, {})

    def _complete(self, body: dict[str, Any]) -> None:
        with self.seen.lock:
            self.seen.bodies.append(body)
        if body["model"] not in (None, "base", *self.seen.loaded):
            return self._complain(404, f"The model `{body['model']}` does not exist.")
        if self.seen.fault == "500":
            return self._complain(500, "out of memory")
        if self.seen.fault == "400":
            return self._complain(400, "too long for it")
        while self.seen.fault == "silent":
            time.sleep(0.05)
        with self.seen.lock:
            self.seen.running += 1
            self.seen.most_running = max(self.seen.most_running, self.seen.running)
        try:
            self._stream(body) if body.get("stream") else self._at_once(body)
        except (BrokenPipeError, ConnectionResetError):
            self.seen.aborted += 1
        finally:
            with self.seen.lock:
                self.seen.running -= 1
        return None

    def _choices(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        limit = body["max_tokens"]
        first = body["prompt"][-1] + body["seed"]
        if self.varies:
            first += zlib.crc32(body["model"].encode())
        start = "a" if body["model"] in (None, "base") else "A"
        found = []
        for place in range(limit):
            letter = chr(ord(start) + (first + place) % 26)
            stops = letter in body.get("stop", ())
            reason = "stop" if stops else "length" if place == limit - 1 else None
            wanted = body.get("logprobs") is not None
            logprobs = {
                "tokens": [letter],
                "token_logprobs": [self.logprob],
                "top_logprobs": [{letter: self.logprob, "?": -1.0}],
            }
            found.append(
                {
                    "text": "" if stops else letter,
                    "token_ids": [100 + (first + place) % 26],
                    "logprobs": logprobs if wanted else None,
                    "finish_reason": reason,
                }
            )
            if stops:
                break
        return found

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for place, choice in enumerate(self._choices(body)):
            if self.seen.fault == "breaks off" and place == 2:
                self.close_connection = True
                return
            if self.seen.fault == "complains" and place == 2:
                self._chunk({"error": {"message": "the engine is dead"}})
                break
            time.sleep(self.delay)
            self._chunk({"choices": [choice]})
        self._chunk("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, event: Any) -> None:
        text = event if isinstance(event, str) else json.dumps(event)
        data = f"data: {text}\n\n".encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _at_once(self, body: dict[str, Any]) -> None:
        choices = self._choices(body)
        time.sleep(self.delay * len(choices))
        whole = {
            "text": "".join(one["text"] for one in choices),
            "token_ids": [one["token_ids"][0] for one in choices],
            "logprobs": {"token_logprobs": [self.logprob] * len(choices)},
            "finish_reason": choices[-1]["finish_reason"],
        }
        if body.get("prompt_logprobs") is not None:
            probe = self.seen.probe or [self.logprob] * (len(body["prompt"]) - 1)
            told = zip(body["prompt"][1:], probe, strict=True)
            whole["prompt_logprobs"] = [None, *({str(i): {"logprob": p}} for i, p in told)]
        self._reply(200, {"choices": [whole]})

    def _complain(self, status: int, message: str) -> None:
        self._reply(status, {"error": {"message": message}})

    def _reply(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """Listen until the process ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--dies", action="store_true")
    parser.add_argument("--logprob", type=float, default=-0.5)
    parser.add_argument("--varies", action="store_true")
    given = parser.parse_args()
    print("fake vLLM is starting", flush=True)
    if given.dies:
        sys.exit("ValueError: no such model")
    Handler.seen, Handler.delay = Seen(), given.delay
    Handler.logprob, Handler.varies = given.logprob, given.varies
    ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
