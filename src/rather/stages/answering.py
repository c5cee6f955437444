"""`score` and `chat`: ask models about texts, or talk to them side by side."""

import sys
from collections.abc import Sequence
from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import prompt_of
from rather.data.identity import prompt_id
from rather.errors import DataError
from rather.models.roles import Policy, RewardEnsemble
from rather.records import Message, Prompt
from rather.rollout import local
from rather.rollout.rollout import MEASURED_TOGETHER, score_rows
from rather.stages.runs import open_library, policy_name, reward_name
from rather.stages.sampling import seed_of
from rather.workspace import Workspace


def score_texts(ws: Workspace, wanted: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Score {"prompt": text or messages, "completion": text} rows with a reward model.

    An ensemble gives the mean of its members.
    """
    library = open_library(ws)
    name = reward_name(ws, wanted)
    codec = library.codec(name)
    encoded = []
    for number, row in enumerate(rows, start=1):
        completion = row.get("completion")
        if not isinstance(completion, str) or not completion.strip():
            raise DataError(f"Row {number} has no text under `completion`.")
        encoded.append(codec.row(to_prompt(row.get("prompt"), number), ((completion, False),)))
    members = library.reward_members(name)
    model = members[0] if len(members) == 1 else RewardEnsemble(members)
    with ws.progress.track(f"scores by {name}", len(encoded), "rows") as task:
        scores = score_rows(model, encoded, MEASURED_TOGETHER, task.advance)
    flat = [round(score[0], 6) for score in scores]
    shown = ", ".join(f"{score:.3f}" for score in flat[:10])
    return {
        "summary": f"{name}: {shown}{' …' if len(flat) > 10 else ''}",
        "model": name,
        "scores": flat,
    }


def to_prompt(given: Any, number: int) -> Prompt:
    """A prompt from a text or from messages; DataError says which row is wrong."""
    try:
        messages, is_text = prompt_of({"prompt": given})
    except BadField as wrong:
        raise DataError(f"Row {number}: {wrong}.") from None
    return Prompt(prompt_id(messages), messages, "heldout", is_text=is_text)


def chat(ws: Workspace, models: Sequence[str], prompt: str | None) -> dict[str, Any]:
    """Answer one message, or (prompt None) talk on the terminal until the input ends."""
    library = open_library(ws)
    names = list(dict.fromkeys(policy_name(ws, model) for model in models))
    talkers = {name: _Talker(ws, name, library.policy(name), library.codec(name)) for name in names}
    if prompt is not None:
        replies = {name: talker.reply(prompt) for name, talker in talkers.items()}
        text = "\n\n".join(f"{name}: {reply}" for name, reply in replies.items())
        return {"summary": f"{len(replies)} answer(s).", "text": text, "replies": replies}
    turns = 0
    ws.progress.say(f"Talking to {', '.join(names)}; end with Ctrl-D.")
    while line := _ask():
        turns += 1
        for name, talker in talkers.items():
            ws.progress.say(f"{name}: {talker.reply(line)}")
    return {"summary": f"{turns} turn(s).", "turns": turns}


def _ask() -> str:
    """The next line a person types; empty at the end of the input."""
    sys.stderr.write("you: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


class _Talker:
    """One model with its side of the conversation."""

    def __init__(self, ws: Workspace, name: str, policy: Policy, codec: Any) -> None:
        self.ws, self.name, self.policy, self.codec = ws, name, policy, codec
        self.messages: tuple[Message, ...] = ()

    def reply(self, text: str) -> str:
        """The model's answer to the next message."""
        self.messages = (*self.messages, Message("user", text))
        prompt = Prompt(prompt_id(self.messages), self.messages, "heldout")
        section = self.ws.config.evaluate
        settings = local.Settings(section.temperature, section.max_new_tokens, self.codec.stop_ids)
        seed = seed_of(self.ws.config.seed, prompt.id, "chat", {}, len(self.messages))
        request = local.Request(self.codec.prompt_ids(prompt), (seed,))
        ((one,),) = local.sample(self.policy.backbone, self.policy.adapter, [request], settings)
        answer: str = self.codec.text(one.ids)
        self.messages = (*self.messages, Message("assistant", answer))
        return answer
