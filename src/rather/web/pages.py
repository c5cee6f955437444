"""The built page and its files: a list made at start-up, so no path comes from outside."""

from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from rather.web.replies import notice

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def router(static: Path) -> APIRouter:
    """Routes for what `npm run build` has put into `static`."""
    pages = APIRouter()
    assets = {path.name: path for path in static.glob("assets/*") if path.suffix in MEDIA_TYPES}

    @pages.get("/history")
    @pages.get("/admin")
    @pages.get("/admin/{place:path}")
    @pages.get("/playground")
    @pages.get("/")
    def page() -> Response:
        """The one page of all places: it looks at its address itself, and holds no secret."""
        index = static / "index.html"
        if not index.is_file():
            return notice(
                503,
                "The page is not built",
                "Run `npm ci && npm run build` in frontend/, then start the server again.",
            )
        return FileResponse(index, media_type="text/html; charset=utf-8")

    @pages.get("/assets/{name}")
    def asset(name: str) -> Response:
        """A script or style of the page; its name holds its content's hash."""
        if name not in assets:
            raise HTTPException(404, "There is no such file.")
        path = assets[name]
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=headers)

    @pages.get("/notice.css")
    def notice_style() -> Response:
        """The style of pages for those who are not logged in."""
        return _public(static / "notice.css")

    @pages.get("/icon.svg")
    def icon() -> Response:
        """The icon of the browser's tab."""
        return _public(static / "icon.svg")

    return pages


def _public(path: Path) -> Response:
    if not path.is_file():
        raise HTTPException(404, "There is no such file.")
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix])
