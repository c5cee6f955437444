"""`label`: serve the app to people, or let a declared simulated labeller judge."""

from collections.abc import Iterable, Mapping
from typing import Any

from rather.errors import DataError
from rather.feedback import gold
from rather.feedback.answer import Answer
from rather.feedback.assignment import Item, all_items, asked_of
from rather.feedback.events import Circumstances, guidelines_hash, new_judgment
from rather.feedback.items import item_of
from rather.feedback.kinds import KINDS
from rather.feedback.simulated import SimulatedLabeller
from rather.records import Completion, Judgment, Prompt
from rather.stages import controls
from rather.stages.chat.playground import responder_of
from rather.store import completions, judgments, labellers, logins, prompts, questions, runs
from rather.workspace import Workspace

LINK_SECONDS = 24 * 3600
BATCH = 256


def serve_people(
    ws: Workspace, *, dry_run: bool, expose: bool, enough: int | None = None
) -> dict[str, Any]:
    """Serve the labelling app until it is stopped, or `enough` judgments are given.

    Says a one-time link to log in with.
    """
    from rather.web.app import Outside, create_app  # imported here: only this verb needs the web
    from rather.web.server import serve

    section = ws.config.label
    truths = controls.read(ws)
    items = asked_items(ws, prompts.all(ws.db), completions.all(ws.db))
    if not items and not runs.all(ws.db):  # a run can be watched where nothing is asked
        raise DataError(KINDS[section.kind].lacking)
    if dry_run:
        what = f"{len(items)} {KINDS[section.kind].plural}"
        return {"summary": f"would serve {what} on {section.host}:{section.port}."}
    controls.bring(ws, truths)
    labellers.add(ws.db, [labellers.OWNER])
    token = logins.create_token(ws.db, labellers.OWNER.id, LINK_SECONDS)
    before = num_by_people(ws)
    responder = responder_of(ws)
    app = create_app(
        ws.db,
        ws.config,
        ws.root.name,
        secret=ws.secret,
        outside=Outside(
            responder=responder,
            break_off=None if responder is None else responder.close,
            report=lambda: _report(ws),
        ),
    )
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


def asked_items(
    ws: Workspace, asked: Iterable[Prompt], answers: Iterable[Completion]
) -> list[Item]:
    """Everything that is asked: what can be, or only what was chosen."""
    section = ws.config.label
    chosen = {question.item for question in questions.all(ws.db, section.kind)}
    return asked_of(all_items(asked, answers, section), chosen, section)


def _report(ws: Workspace) -> str:
    # imported here: the app itself never waits for torch, nor for plots
    from rather.report.page import render
    from rather.stages.reporting import gather_report

    return render(gather_report(ws))


def simulate(ws: Workspace, name: str, *, dry_run: bool) -> dict[str, Any]:
    """Let a simulated labeller judge what it has not judged yet."""
    section = ws.config.label
    simulator = SimulatedLabeller(
        gold.resolve(name, ws.config.rules),
        section.noise_temperature,
        section.tie_margin,
        ws.config.seed,
    )
    asked = {prompt.id: prompt for prompt in prompts.all(ws.db)}
    answers = {one.id: one for one in completions.all(ws.db)}
    items = asked_items(ws, asked.values(), answers.values())
    # what was withdrawn was judged, too: it is not said again
    done = {item_of(one) for one in judgments.all(ws.db, labeller_id=simulator.labeller.id)}
    todo = [item for item in items if item.name not in done]
    if section.num_judgments is not None:
        todo = todo[: max(0, section.num_judgments - len(done))]
    if not items:
        raise DataError("There is nothing to judge yet; run `rather sample` first.")
    if dry_run:
        return {"summary": f"would simulate {len(todo)} judgments by {name}."}
    labellers.add(ws.db, [simulator.labeller])
    with ws.progress.track(f"simulated labeller {name}", len(todo), "judgments") as task:
        for start in range(0, len(todo), BATCH):
            part = todo[start : start + BATCH]
            given = [_judge(ws, simulator, asked[item.prompt_id], item, answers) for item in part]
            judgments.record_many(ws.db, given)
            task.advance(len(part))
    return {
        "summary": f"{len(todo)} judgments by {name}, marked as simulated.",
        "judgments": len(todo),
        "labeller": simulator.labeller.id,
        "is_simulated": True,
    }


def _judge(
    ws: Workspace,
    simulator: SimulatedLabeller,
    prompt: Prompt,
    item: Item,
    answers: Mapping[str, Completion],
) -> Judgment:
    shown = [answers[id] for id in item.completion_ids]
    match item.kind:
        case "pair":
            answer: Answer = simulator.judge_pair(prompt, *shown)
        case "ranking":
            answer = simulator.judge_ranking(prompt, shown)
        case _:  # the configuration allows no simulator that writes
            answer = simulator.judge_thumb(prompt, *shown)
    circumstances = Circumstances(
        idempotency_key=f"{simulator.labeller.id}:{item.kind}:{','.join(sorted(item.completion_ids))}",
        guidelines_hash=guidelines_hash(ws.config.label.guidelines),
    )
    return new_judgment(prompt.id, simulator.labeller, answer, circumstances)


def num_by_people(ws: Workspace) -> int:
    """Judgments in force that people gave."""
    return sum(one["people"] for one in judgments.count(ws.db).values())
