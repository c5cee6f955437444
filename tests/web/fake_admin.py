"""A stand-in for the admin routes: the real guard and page, and a state that the acts change."""

import asyncio
import json
import math
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from starlette.responses import FileResponse, HTMLResponse, Response

from rather.web import pages
from rather.web.contract import overview, people, playground, runs
from rather.web.contract.labelling import MeReply, Question
from rather.web.contract.shape import Done
from rather.web.replies import fault
from rather.web.security import Guard, HostList
from tests.web import fake_admin_data as data

PAGE = 50


class Fake:
    """What the stand-in knows, and what it was told."""

    def __init__(self) -> None:
        self.items = data.items()
        self.people = data.people_reply()
        self.told: list[tuple[str, Any]] = []
        self.role: Literal["admin", "labeller"] = "admin"
        self.num_steps = 120
        self.run_is_over = False
        self.is_away = False
        self.answers: dict[str, str] = {}
        self.can_answer = True
        self.seconds_to_answer = 0.0

    def run(self) -> runs.RunSummary:
        """The run that goes on until the test says that it is over."""
        return runs.RunSummary(
            id="ppo-0004", stage="ppo", status="stopped" if self.run_is_over else "running",
            started_at=data.at(0), finished_at=data.at(95) if self.run_is_over else None,
            message=data.HOSTILE if self.run_is_over else "", num_steps=self.num_steps,
            version=None,
        )  # fmt: skip


def create(fake: Fake, static: Path) -> FastAPI:
    """The app; every route of the contract, and the built page at the addresses of the pages."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for add in (_pages, _overview, _items, _people, _runs, _playground):
        add(app, fake, static)
    app.include_router(pages.router(static))
    app.add_middleware(Guard, hosts=HostList("127.0.0.1"))

    @app.middleware("http")
    async def away(request: Any, call_next: Any) -> Response:
        """A server that is being started again answers nothing that is of use."""
        if fake.is_away and request.url.path.startswith("/api/"):
            return fault(503, "The server is being started again.")
        reply: Response = await call_next(request)
        return reply

    return app


def _pages(app: FastAPI, fake: Fake, static: Path) -> None:
    def page() -> Response:
        return FileResponse(static / "index.html", media_type="text/html; charset=utf-8")

    for path in ("/admin", "/admin/{rest:path}", "/playground"):
        app.get(path)(page)

    @app.get("/api/me")
    def me() -> MeReply:
        question = Question(kind="pair", text="Which?", dimensions=[], ask_strength=False)
        return MeReply(
            id="ann", name="Ann", role=fake.role, workspace="my-assistant", question=question
        )

    @app.post("/api/logout")
    def logout() -> Done:
        fake.told.append(("logout", None))
        return Done()


def _overview(app: FastAPI, fake: Fake, static: Path) -> None:
    @app.get("/api/admin/overview")
    def overview_() -> overview.OverviewReply:
        return data.overview_reply()

    @app.get("/api/admin/report")
    def report() -> Response:
        return HTMLResponse("<!doctype html><title>Report</title><h1>Report</h1>")

    @app.get("/api/admin/export")
    def export(format: overview.Format, labeller: str = "", with_simulated: int = 0) -> Response:
        fake.told.append(("export", (format, labeller, with_simulated)))
        left_out = {"pairs.jsonl": {"a tie prefers neither answer": 3}}
        headers = {
            "Content-Disposition": f'attachment; filename="judgments.{format}"',
            "X-Rather-Left-Out": json.dumps(left_out if format == "trl" else {}),
        }
        return Response("{}\n", media_type="application/octet-stream", headers=headers)


def _items(app: FastAPI, fake: Fake, static: Path) -> None:
    @app.get("/api/admin/items")
    def items(
        state: overview.ItemState = "all", labeller: str = "", query: str = "", before: str = ""
    ) -> overview.ItemsReply:
        found = [
            item
            for item in fake.items.values()
            if state == "all" or state in item.state
            if not labeller or any(one.labeller_id == labeller for one in item.judgments)
            if query.lower() in item.prompt[-1].text.lower()
        ]
        ids = [item.item_id for item in found]
        start = ids.index(before) + 1 if before else 0
        shown = found[start : start + PAGE]
        is_more = start + PAGE < len(found)
        return overview.ItemsReply(
            items=[
                overview.ItemSummary(
                    item_id=item.item_id, kind=item.kind, prompt=item.prompt[-1].text[:200],
                    judgments=len(item.judgments), state=item.state,
                )
                for item in shown
            ],
            total=len(found),
            next_before=shown[-1].item_id if is_more else None,
        )  # fmt: skip

    @app.get("/api/admin/items/{item_id}", response_model=overview.ItemReply)
    def item(item_id: str) -> object:
        return fake.items.get(item_id) or fault(404, "There is no such item.")

    @app.post("/api/admin/items/{item_id}/settle")
    def settle(item_id: str, request: overview.SettleRequest) -> Done:
        fake.told.append(("settle", request.said.model_dump()))
        old = fake.items[item_id]
        states = [one for one in old.state if one != "disagreement"]
        fake.items[item_id] = old.model_copy(update={"state": [*states, "settled"]})
        return Done()

    @app.post("/api/admin/items/{item_id}/decide")
    def decide(item_id: str, request: overview.ItemDecisionRequest) -> Done:
        fake.told.append((request.what, request.comment))
        return Done()


def _people(app: FastAPI, fake: Fake, static: Path) -> None:
    @app.get("/api/admin/people")
    def folk() -> people.PeopleReply:
        return people.PeopleReply(people=list(fake.people.values()))

    @app.post("/api/admin/people")
    def invite(request: people.InviteRequest) -> people.InvitationReply:
        fake.people["new"] = people.PersonInfo(
            id="new", name=request.name, role=request.role, is_simulated=False, paused="",
            judgments=0, sessions=[], has_open_invitation=True,
        )  # fmt: skip
        return _invitation("new", request.name)

    @app.post("/api/admin/people/{id}/invitations")
    def renew(id: str) -> people.InvitationReply:
        return _invitation(id, fake.people[id].name)

    @app.put("/api/admin/people/{id}", response_model=Done)
    def change(id: str, request: people.PersonRequest) -> object:
        if id == "ann" and request.role == "labeller":
            return fault(409, "Ann is the last admin; make somebody else an admin first.")
        said = {name: value for name, value in request if value is not None}
        fake.people[id] = fake.people[id].model_copy(update=said)
        return Done()

    @app.delete("/api/admin/people/{id}/sessions")
    def end_all(id: str) -> Done:
        update = {"sessions": [], "has_open_invitation": False}
        fake.people[id] = fake.people[id].model_copy(update=update)
        return Done()

    @app.delete("/api/admin/sessions/{session_id}")
    def end(session_id: str) -> Done:
        for id, one in fake.people.items():
            left = [session for session in one.sessions if session.id != session_id]
            fake.people[id] = one.model_copy(update={"sessions": left})
        return Done()


def _invitation(id: str, name: str) -> people.InvitationReply:
    return people.InvitationReply(
        id=id, name=name, path="/login?token=abc123", expires_at=data.at(1440)
    )


def _runs(app: FastAPI, fake: Fake, static: Path) -> None:
    @app.get("/api/admin/runs")
    def all_runs() -> runs.RunsReply:
        done = fake.run().model_copy(
            update={"id": "reward-0003", "stage": "reward", "status": "done",
                    "finished_at": data.at(7), "version": "reward-3", "message": ""}
        )  # fmt: skip
        failed = done.model_copy(update={
            "id": "sft-0001", "stage": "sft", "status": "failed", "version": None,
            "message": f"The disk is full: {data.HOSTILE}",
        })  # fmt: skip
        return runs.RunsReply(runs=[fake.run(), done, failed])

    @app.get("/api/admin/runs/{id}", response_model=runs.RunReply)
    def run(id: str, since: int = -1) -> object:
        if id != "ppo-0004":
            return fault(404, f"There is no run {id}.")
        fake.told.append(("since", since))
        cut = [
            one.model_copy(update={"steps": one.steps[max(since, 0) :],
                                   "values": one.values[max(since, 0) :]})
            for one in data.curves(fake.num_steps)
        ]  # fmt: skip
        alarm = runs.AlarmInfo(
            step=90, rule="kl", severity="warn", sentence=f"the policy is far away {data.HOSTILE}"
        )
        return runs.RunReply(
            run=fake.run(),
            curves=cut,
            gauges=[
                data.gauge("kl", 0.31, 0.5, "quiet"),
                data.gauge("length", 0.74, 0.5, "warned"),
                data.gauge("entropy", 1.04, 0.5, "stopped"),
                data.gauge("heldout", None, 2.0, "unknown"),
            ],
            alarms=[alarm] if since < 90 else [],
            last_step=fake.num_steps,
        )

    @app.get("/api/admin/runs/{id}/answers")
    def answers(id: str) -> runs.GlimpsesReply:
        return data.glimpses()


def _playground(app: FastAPI, fake: Fake, static: Path) -> None:
    path = "/api/admin/playground"

    @app.get(f"{path}/models")
    def models() -> playground.ModelsReply:
        reason = None if fake.can_answer else "the training extra is not installed"
        names = ["base", "sft-1", "ppo-3", "ppo-4", "dpo-5"]
        return playground.ModelsReply(models=names, can_answer=fake.can_answer, reason=reason)

    @app.post(f"{path}/answers", response_model=playground.AskReply)
    async def ask(request: playground.AskRequest) -> object:
        await asyncio.sleep(fake.seconds_to_answer)
        fake.told.append(("ask", request.model_dump()))
        asked = request.messages[-1].content
        if asked == "fail":
            return fault(409, "That version's files are gone; choose another.")
        return playground.AskReply(
            columns=[_column(fake, request, n, name) for n, name in enumerate(request.models)]
        )

    @app.post(f"{path}/judgments")
    def pick(request: playground.PickRequest) -> playground.Revealed:
        fake.told.append(("pick", request.choice))
        models = [fake.answers[id] for id in request.answer_ids]
        return playground.Revealed(judgment_id="01J", models=models)

    @app.post(f"{path}/corrections")
    def correct(request: playground.EditRequest) -> playground.Revealed:
        fake.told.append(("correct", request.text))
        return playground.Revealed(judgment_id="01K", models=[fake.answers[request.answer_id]])


def _column(
    fake: Fake, request: playground.AskRequest, number: int, model: str
) -> playground.Column:
    id = f"{request.idempotency_key}-{number}"
    fake.answers[id] = model
    text = f"Answer {number} to: {request.messages[-1].content}\n\nIt takes *six* minutes."
    if number == 1:
        text += f"\n\n{data.HOSTILE_MARKDOWN}"
    return playground.Column(
        **data.rendered(text).model_dump(), answer_id=id, raw=text,
        model=None if request.is_blind else model, num_tokens=31 + number,
        seconds=math.pi, is_cut_off=number == 1,
    )  # fmt: skip
