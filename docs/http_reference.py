"""The routes of both servers, as Markdown: a part of docs/reference.py."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from meanings import said_by

from rather.config.stages import Config
from rather.serving import app as serving
from rather.serving import auth as serving_auth
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

`rather serve` ([serving](serving.md) says which parameters are understood).

"""
SHAPES = {one.__name__: one for one in Shape.__subclasses__() if "rather.web" in one.__module__}
LABELLED_AT = """
## The labelling app

`rather label`. A session's cookie comes from the one-time link `/login`; every
error is a `FaultReply`.

"""


def http(made: str) -> str:
    """Every route of both servers, and the shapes of the labelling app's."""
    with TemporaryDirectory() as folder, Workspace.create(Path(folder) / "shown") as ws:
        app = labelling.create_app(ws.db, Config(), "shown", secret=b"")
        paths = app.openapi()
        shown = [
            f"# HTTP\n\n{made.format('src/rather/web and src/rather/serving')}{HEAD_OF_HTTP}",
            LABELLED_AT + _routes(app, "labeller", auth.PUBLIC_PATHS),
        ]
    api = FastAPI()
    for router in (*serving.ROUTERS, feedback.router(cast(Any, None), cast(Any, None))):
        api.include_router(router)
    shown.append(SERVED_AT + _routes(api, "client", serving_auth.PUBLIC_PATHS))
    shown.append("\n## What crosses the labelling app's wire\n\n")
    shown += [_shape(name, one) for name, one in sorted(paths["components"]["schemas"].items())]
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
    return f"`{_kind(shape)}`" if shape else ""


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


def _shape(name: str, one: dict[str, Any]) -> str:
    about = one.get("description", "").partition("\n\n")[0].replace("\n", " ")
    needed = one.get("required", [])
    said = said_by(SHAPES[name]) if name in SHAPES else {}
    rows = [
        f"| `{field}` | {_kind(kind)}{'' if field in needed else ', may be left out'} |"
        f" {said.get(field, '')} |\n"
        for field, kind in one.get("properties", {}).items()
    ]
    head = "| field | type | meaning |\n|---|---|---|\n" if rows else ""
    return f"### {name}\n\n{about}\n\n{head}{''.join(rows)}\n"
