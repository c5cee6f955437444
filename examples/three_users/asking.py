"""All models of a workspace behind one server: `rather serve`, asked by OpenAI's own client."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openai import OpenAI


def answers(root: Path, models: Sequence[str], question: str) -> list[tuple[str, str]]:
    """What each model says, (name, text); they share one copy of the base."""
    with _served(root) as address:
        client = OpenAI(base_url=address, api_key="none")
        replies = [
            client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": question}],
                max_tokens=96,
                temperature=0.0,
            )
            for model in models
        ]
    return [(reply.model, str(reply.choices[0].message.content)) for reply in replies]


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """The server in a process of its own, its base URL, and its end as Ctrl-C brings it."""
    command = [sys.executable, "-m", "rather", "serve", "--workspace", str(root), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stderr is not None
        said = []
        for line in server.stderr:
            said.append(line)
            if line.startswith("Serving on "):
                break
        else:
            raise RuntimeError(f"`rather serve` did not begin: {''.join(said)}")
        try:
            yield said[-1].split()[2]
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate()
