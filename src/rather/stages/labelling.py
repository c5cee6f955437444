"""`label`: serve the app to people, or let a declared simulated labeller judge."""

from collections.abc import Iterator, Sequence
from typing import Any

from rather.errors import DataError
from rather.feedback import gold
from rather.feedback.assignment import askable, candidate_pairs
from rather.feedback.events import Circumstances, guidelines_hash, new_judgment
from rather.feedback.simulated import SimulatedLabeller
from rather.records import Completion, Judgment, Labeller, Prompt
from rather.store import completions, judgments, labellers, logins, prompts
from rather.workspace import Workspace

LINK_SECONDS = 24 * 3600
BATCH = 256


def serve_people(
    ws: Workspace, *, dry_run: bool, expose: bool, enough: int | None = None
) -> dict[str, Any]:
    """Serve the labelling app until it is stopped, or `enough` judgments are given.

    Says a one-time link to log in with.
    """
    from rather.web.app import create_app  # imported here: only this verb needs a web server
    from rather.web.server import serve

    pairs = candidate_pairs(completions.all(ws.db))
    if not pairs:
        raise DataError("There is nothing to compare yet; run `rather sample` first.")
    section = ws.config.label
    if dry_run:
        return {"summary": f"would serve {len(pairs)} pairs on {section.host}:{section.port}."}
    owner = Labeller("owner", "owner", is_simulated=False, role="admin")
    labellers.add(ws.db, [owner])
    token = logins.create_token(ws.db, owner.id, LINK_SECONDS)
    before = num_by_people(ws)
    app = create_app(ws.db, ws.config, ws.root.name, secret=ws.secret)
    serve(
        app,
        section.host,
        section.port,
        expose=expose,
        announce=lambda url: ws.progress.say(
            f"Open {url}/login?token={token} (good once, for a day). Ctrl-C stops the app."
        ),
        until=None if enough is None else lambda: num_by_people(ws) - before >= enough,
    )
    given = num_by_people(ws) - before
    return {"summary": f"{given} judgments were given.", "judgments": given}


def simulate(ws: Workspace, name: str, *, dry_run: bool) -> dict[str, Any]:
    """Let a simulated labeller judge what it has not judged yet."""
    section = ws.config.label
    simulator = SimulatedLabeller(
        gold.resolve(name, ws.config.rules),
        section.noise_temperature,
        section.tie_margin,
        ws.config.seed,
    )
    items = list(_items(completions.all(ws.db), section.kind))
    done = {
        _key(judgment.kind, judgment.answer)
        for judgment in judgments.live(ws.db, labeller_id=simulator.labeller.id)
    }
    todo = [item for item in items if _item_key(section.kind, item) not in done]
    if section.num_judgments is not None:
        todo = todo[: max(0, section.num_judgments - len(done))]
    if not items:
        raise DataError("There is nothing to judge yet; run `rather sample` first.")
    if dry_run:
        return {"summary": f"would simulate {len(todo)} judgments by {name}."}
    labellers.add(ws.db, [simulator.labeller])
    by_id = {prompt.id: prompt for prompt in prompts.all(ws.db)}
    with ws.progress.track(f"simulated labeller {name}", len(todo), "judgments") as task:
        for start in range(0, len(todo), BATCH):
            part = todo[start : start + BATCH]
            judgments.record_many(
                ws.db, [_judge(ws, simulator, by_id[item[0].prompt_id], item) for item in part]
            )
            task.advance(len(part))
    return {
        "summary": f"{len(todo)} judgments by {name}, marked as simulated.",
        "judgments": len(todo),
        "labeller": simulator.labeller.id,
        "is_simulated": True,
    }


def _items(found: Sequence[Completion], kind: str) -> Iterator[tuple[Completion, ...]]:
    """What is put before the labeller: pairs, all answers of a prompt, or single answers."""
    if kind == "pair":
        yield from candidate_pairs(found)
        return
    for answers in askable(found).values():
        if kind == "thumb":
            yield from ((one,) for one in answers)
        elif len(answers) > 1:
            yield tuple(answers)


def _judge(
    ws: Workspace, simulator: SimulatedLabeller, prompt: Prompt, item: tuple[Completion, ...]
) -> Judgment:
    match ws.config.label.kind:
        case "pair":
            answer: Any = simulator.judge_pair(prompt, item[0], item[1])
        case "ranking":
            answer = simulator.judge_ranking(prompt, item)
        case "thumb":
            answer = simulator.judge_thumb(prompt, item[0])
    key = f"{simulator.labeller.id}:{_item_key(ws.config.label.kind, item)}"
    guidelines = guidelines_hash(ws.config.label.guidelines)
    circumstances = Circumstances(idempotency_key=key, guidelines_hash=guidelines)
    return new_judgment(prompt.id, simulator.labeller, answer, circumstances)


def _item_key(kind: str, item: Sequence[Completion]) -> str:
    return f"{kind}:" + ",".join(sorted(one.id for one in item))


def _key(kind: str, answer: dict[str, Any]) -> str:
    ids = answer.get("completion_ids") or [
        answer[name]
        for name in ("left_completion_id", "right_completion_id", "completion_id")
        if name in answer
    ]
    return f"{kind}:" + ",".join(sorted(ids))


def num_by_people(ws: Workspace) -> int:
    """Judgments in force that people gave."""
    return sum(one["people"] for one in judgments.count(ws.db).values())
