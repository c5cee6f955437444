"""`serve`: the base and every version behind one API."""

from typing import Any

from rather.errors import UsageError
from rather.models.library import Library
from rather.models.source import fingerprint
from rather.records import ModelVersion
from rather.serving.app import create_app
from rather.serving.backend import Backend
from rather.serving.feedback.joining import from_use
from rather.serving.local.models import LocalModels
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
        return LocalModels(library, find, ws.config.serve)
    log = ws.runs_dir / "serve" / "vllm.log"
    return open_backend(library, find, ws.config.serve, log, ws.progress.say)


def _require_keys(ws: Workspace) -> None:
    is_open = not any(key.role == "client" for key in api_keys.all(ws.db))
    if is_open and not is_loopback_host(ws.config.serve.host):
        raise UsageError(
            f"Whoever reaches {ws.config.serve.host} could generate: make a key for them first "
            "with `rather key NAME`."
        )
