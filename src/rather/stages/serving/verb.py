"""`serve`, `alias` and `key`: the versions behind an API, what they are called, who may ask."""

import getpass
from typing import Any

from rather.errors import UsageError
from rather.models.library import Library
from rather.models.source import fingerprint
from rather.records import ModelVersion
from rather.serving.app import create_app
from rather.serving.backend import Backend
from rather.serving.feedback.joining import from_use
from rather.serving.local.backend import LocalBackend
from rather.serving.running import run
from rather.serving.vllm.opening import open_backend
from rather.stages.runs import open_library
from rather.store import versions
from rather.store.serving import aliases, api_keys
from rather.web.security import is_loopback_host
from rather.web.server import listen
from rather.workspace import Workspace

Result = dict[str, Any]


def serve(ws: Workspace, *, dry_run: bool, expose: bool) -> Result:
    """Serve the base and every version until Ctrl-C or SIGTERM."""
    section = ws.config.serve
    _require_keys(ws)
    use = from_use(ws.db, ws.secret, section)
    made = [one.name for one in versions.all(ws.db)]
    meant = aliases.in_force(ws.db)
    facts: Result = {
        "engine": section.engine,
        "versions": made,
        "aliases": meant,
        "keeps": use.told,
    }
    if dry_run:
        what = f"base and {len(made)} version(s) on {section.host}:{section.port}"
        return {"summary": f"would serve {what} by the {section.engine} engine.", **facts}
    listener = listen(section.host, section.port, expose=expose)
    try:
        library = open_library(ws)
        ws.progress.say(f"Loading {ws.config.model} ...")
        backend = _backend(ws, library)
        app = create_app(
            ws.db,
            ws.config,
            library.codec("base"),
            backend,
            base_fingerprint=fingerprint(library.folder_of("base")),
            outside=use.outside,
        )
        use.join(app)
        served: list[str] = []

        def announce(url: str) -> None:
            served.append(url)
            ws.progress.say(f"Serving on {url}/v1 (Ctrl-C ends it when running answers are done).")
            ws.progress.say(use.told)

        with use.tended():
            run(app, backend, listener, section.drain_seconds, announce)
    finally:
        listener.close()
    totals = app.state.context.metrics
    num_requests, num_tokens = totals.requests.total(), totals.tokens.total()
    summary = f"{num_requests} request(s) were served, {num_tokens} tokens read and made."
    if lost := use.keeper.lost.total():
        summary += f" {lost} could not be kept as serve.keep says; the log above says why."
    facts["not_kept"] = dict(use.keeper.lost)
    return {"summary": summary, "requests": num_requests, "tokens": num_tokens, **facts}


def _backend(ws: Workspace, library: Library) -> Backend:
    """Whoever generates, as `serve.engine` says; nothing is loaded yet."""

    def find(name: str) -> ModelVersion | None:
        return versions.get(ws.db, name)

    if ws.config.serve.engine == "local":
        return LocalBackend(library, find, ws.config.serve)
    log = ws.runs_dir / "serve" / "vllm.log"
    return open_backend(library, find, ws.config.serve, log, ws.progress.say)


def alias(
    ws: Workspace, name: str | None, version: str | None, *, roll_back: bool, dry_run: bool
) -> Result:
    """Let an alias mean a version or what it meant before; without a version say what it means."""
    if name is None or (version is None and not roll_back):
        return _told(ws, name)
    if version is not None and roll_back:
        raise UsageError("Give either a version or --rollback.")
    if dry_run:
        what = f"mean {version}" if version else "mean what it did before"
        return {"summary": f"would let {name} {what}."}
    by = getpass.getuser()
    made = (
        aliases.roll_back(ws.db, name, by)
        if version is None
        else aliases.switch(ws.db, name, version, by)
    )
    return {"summary": f"{name} means {made.version} from now on.", **vars(made)}


def key(
    ws: Workspace, name: str | None, role: api_keys.Role, *, revoke: bool, dry_run: bool
) -> Result:
    """Make a key and say it once, or close one; without a name list those that open."""
    if name is None:
        there = api_keys.all(ws.db)
        listed = [{"name": k.name, "role": k.role, "created_at": k.created_at} for k in there]
        lines = [f"{k.name}  {k.role}  since {k.created_at[:10]}" for k in there]
        text = "\n".join(lines) or "There are no keys: on this machine anybody may generate."
        return {"summary": f"{len(there)} key(s).", "text": text, "keys": listed}
    if dry_run:
        return {"summary": f"would {'close' if revoke else 'make'} the key {name}."}
    if revoke:
        api_keys.revoke(ws.db, name)
        return {"summary": f"The key {name} opens nothing any more."}
    made = api_keys.create(ws.db, name, role)
    summary = f"{made} is the key of {name} ({role}); it is not shown again."
    return {"summary": summary, "name": name, "role": role, "key": made}


def _told(ws: Workspace, name: str | None) -> Result:
    history = [one for one in aliases.history(ws.db) if name in (None, one.alias)]
    meant = {one.alias: one.version for one in history}
    lines = [
        f"{one.switched_at[:19]}  {one.alias} -> {one.version}"
        f"{' (rolled back)' if one.is_rollback else ''}  by {one.switched_by}"
        for one in history
    ]
    text = "\n".join(lines) or "There are no aliases yet: `rather alias prod VERSION` makes one."
    return {
        "summary": f"{len(meant)} alias(es).",
        "text": text,
        "aliases": meant,
        "history": [vars(one) for one in history],
    }


def _require_keys(ws: Workspace) -> None:
    is_open = not any(key.role == "client" for key in api_keys.all(ws.db))
    if is_open and not is_loopback_host(ws.config.serve.host):
        raise UsageError(
            f"Whoever reaches {ws.config.serve.host} could generate: make a key for them first "
            "with `rather key NAME`."
        )
