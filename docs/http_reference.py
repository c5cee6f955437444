"""The routes of both servers and what crosses their wires, as Markdown: for docs/reference.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from meanings import said_by
from pydantic import BaseModel
from served_meanings import EVERYWHERE as SERVED_EVERYWHERE
from served_meanings import SERVED
from wire_meanings import EVERYWHERE, LABELLING

from rather.config.stages import Config
from rather.serving import app as serving
from rather.serving import auth as serving_auth
from rather.serving.contract.chat import ChatChunk
from rather.serving.contract.shape import Wire
from rather.serving.feedback import routes as feedback
from rather.web import app as labelling
from rather.web import auth
from rather.web.contract.shape import Shape
from rather.workspace import Workspace

HEAD_OF_HTTP = """
What the labelling page asks, and what `rather serve` answers; both speak JSON. Who may ask:
*anybody*, a *labeller* or *client* (logged in, or with a key where there are keys), an *admin*.
"""
SERVED_AT = """
## The served API

`rather serve` ([serving](serving.md) says which parameters are understood). With `stream` a
conversation's answer comes as `ChatChunk` events, a text's as `TextReply`; every error is a
`FaultReply`, as of the labelling app.

"""
LABELLED_AT = """
## The labelling app

`rather label`. A session's cookie comes from the one-time link `/login`; every
error is a `FaultReply`.

"""


@dataclass(frozen=True)
class Wired:
    """The shapes of one server, and what is said of their fields beside the docstrings."""

    base: type[BaseModel]
    everywhere: Mapping[str, str]
    own: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    """The explanations that were needed."""

    def shapes(self, schemas: Mapping[str, Any]) -> str:
        """All of them; what FastAPI would answer itself never leaves our servers."""
        known = _subclasses(self.base)
        ours = sorted(known.keys() & schemas.keys())
        text = "".join(_shape(name, schemas[name], self._meanings(known[name])) for name in ours)
        unused = (self.everywhere.keys() | self.own.keys()) - self.used
        assert not unused, f"explained, but not there: {sorted(unused)}"
        return text

    def _meanings(self, shape: type[BaseModel]) -> dict[str, str]:
        """Of a shape's fields: its docstrings, else what is said of it; KeyError for neither."""
        said: dict[str, str] = {}
        for one in reversed(shape.__mro__):
            said |= said_by(one) if issubclass(one, self.base) and one is not self.base else {}
        return {
            info.alias or name: said.get(name) or self._told(shape, name)
            for name, info in shape.model_fields.items()
        }

    def _told(self, shape: type[BaseModel], name: str) -> str:
        places = [f"{one.__name__}.{name}" for one in shape.__mro__]
        key = next((place for place in places if place in self.own), name)
        self.used.add(key)
        return self.own[key] if key in self.own else self.everywhere[name]


def _subclasses(base: type) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for one in base.__subclasses__():
        found |= {one.__name__: one, **_subclasses(one)}
    return found


def http(made: str) -> str:
    """Every route of both servers, and the shapes of what is sent and answered."""
    with TemporaryDirectory() as folder, Workspace.create(Path(folder) / "shown") as ws:
        app = labelling.create_app(ws.db, Config(), "shown", secret=b"")
        labelled = app.openapi()["components"]["schemas"]
        shown = [
            f"# HTTP\n\n{made.format('src/rather/web and src/rather/serving')}{HEAD_OF_HTTP}",
            LABELLED_AT + _routes(app, "labeller", auth.PUBLIC_PATHS),
        ]
    api = FastAPI()
    for router in (*serving.ROUTERS, feedback.router(cast(Any, None), cast(Any, None))):
        api.include_router(router)
    events = ChatChunk.model_json_schema()
    served = {**events.pop("$defs"), **api.openapi()["components"]["schemas"], "ChatChunk": events}
    shown.append(SERVED_AT + _routes(api, "client", serving_auth.PUBLIC_PATHS))
    shown.append("\n## What crosses the labelling app's wire\n\n")
    shown.append(Wired(Shape, EVERYWHERE, LABELLING).shapes(labelled))
    shown.append("## What crosses the served API's wire\n\n")
    shown.append(Wired(Wire, SERVED_EVERYWHERE, SERVED).shapes(served))
    return "".join(shown).rstrip() + "\n"


def _routes(app: FastAPI, usual: str, public: frozenset[str]) -> str:
    rows = ["| route | who | what | sent | answered |\n|---|---|---|---|---|\n"]
    admins = _admins_only(app)
    for path, methods in app.openapi()["paths"].items():
        for method, one in methods.items():
            caption = one["description"].partition("\n\n")[0].replace("\n", " ")
            who = "admin" if (path, method) in admins else usual
            who = "anybody" if path in public else who
            sent = _named(one.get("requestBody", {}))
            got = _named(one["responses"]["200"])
            rows.append(f"| `{method.upper()} {path}` | {who} | {caption} | {sent} | {got} |\n")
    return "".join(rows)


def _admins_only(app: FastAPI) -> set[tuple[str, str]]:
    """Path and method of the routes that depend on an admin being there."""
    found = set()
    for route in iter_route_contexts(app.routes):
        asked = [route.dependant] if hasattr(route, "dependant") else []
        for one in asked:
            asked += one.dependencies
        if any(getattr(one.call, "__name__", "") == "current_admin" for one in asked):
            path = route.path.replace(":path}", "}")
            found |= {(path, method.lower()) for method in route.methods or ()}
    return found


def _named(message: dict[str, Any]) -> str:
    shape = message.get("content", {}).get("application/json", {}).get("schema", {})
    return f"`{_kind(shape)}`" if shape else "–"


def _kind(shape: dict[str, Any]) -> str:
    """A JSON schema's type in words: `list[Task]`, `text or null`."""
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    several = shape.get("anyOf") or shape.get("oneOf")
    if several:
        return " or ".join(_kind(one) for one in several)
    if "enum" in shape or "const" in shape:
        return ", ".join(str(one) for one in shape.get("enum", [shape.get("const")]))
    kind = shape.get("type", "anything")
    if kind == "array":
        return f"list[{_kind(shape.get('items', {}))}]"
    if kind == "object" and isinstance(shape.get("additionalProperties"), dict):
        return f"map[{_kind(shape['additionalProperties'])}]"
    return {"string": "text"}.get(kind, kind)


def _shape(name: str, one: dict[str, Any], meanings: Mapping[str, str]) -> str:
    about = one.get("description", "").partition("\n\n")[0].replace("\n", " ")
    needed = one.get("required", [])
    rows = [
        f"| `{key}` | {_kind(kind)}{'' if key in needed else ', may be left out'} |"
        f" {meanings[key]} |\n"
        for key, kind in one.get("properties", {}).items()
    ]
    head = "| field | type | meaning |\n|---|---|---|\n" if rows else ""
    return f"### {name}\n\n{about}\n\n{head}{''.join(rows)}\n"
