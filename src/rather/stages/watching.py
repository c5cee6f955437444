"""Lets a training stage be watched: the prompts it is asked, and where its answers go."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from rather.data.tokens import Codec
from rather.records import Glimpse
from rather.stages import examples
from rather.stages.examples import LeftOut
from rather.store import glimpses, prompts
from rather.training.cast import Task
from rather.training.loop import Run
from rather.training.watching import Watched, Watcher
from rather.workspace import Workspace


def watched(ws: Workspace, run: Run, run_id: str, codec: Codec, who: Watched, every: int) -> Run:
    """The run, looked at every so many steps by the prompts of the section `watch`."""
    section = ws.config.watch
    asked = list(islice(_askable(ws, codec), section.num_prompts))
    if not asked:
        return run

    def record(step: int, seen: Sequence[Glimpse]) -> None:
        glimpses.record(ws.db, run_id, step, seen)

    limit = min(who.max_new_tokens, section.max_new_tokens)
    who = replace(who, max_new_tokens=limit)
    look = Watcher(who, asked, every, codec.stop_ids, codec.text, record)
    return replace(run, look=look)


def _askable(ws: Workspace, codec: Codec) -> Iterator[Task]:
    """Prompts that fit the model, those first that it does not learn from."""
    left_out = LeftOut()  # of what is only looked at nothing is lost
    for split in ("heldout", "train"):
        for prompt in prompts.all(ws.db, split):
            row = None
            if prompt.is_asked:
                row = examples.encode(codec, prompt, (), left_out, prompt.id)
            if row is not None:
                yield Task(prompt, row.prompt_ids)
