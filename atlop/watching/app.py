"""The web application: a page at `/`, and what it shows at `/progress`."""

from collections.abc import Collection
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from atlop.pages import render
from atlop.watching.progress import RunProgress
from atlop.web import HostCheck

PAGE = Path(__file__).parent / "page" / "watch.html"
SCRIPTS = ("elements.js", "header.js", "tables.js", "ticks.js", "chart.js", "watch.js")
_HEADERS = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"}


def make_app(progress: RunProgress, *, title: str, allowed_hosts: Collection[str] | None = None) -> Starlette:
    """Return the application.

    Args:
        progress: Follows the run.
        title: Title of the page.
        allowed_hosts: Names by which it may be addressed besides those of loopback; `None` for any.
    """
    page = HTMLResponse(
        render(PAGE, title=title, styles=("base.css", "tables.css", "watch.css"), scripts=SCRIPTS), headers=_HEADERS
    )

    def show(_: Request) -> HTMLResponse:
        return page

    def answer(_: Request) -> JSONResponse:  # no coroutine: files are read in a thread beside the event loop
        return JSONResponse(progress.snapshot(), headers={"Cache-Control": "no-store"})

    middleware = [] if allowed_hosts is None else [Middleware(HostCheck, allowed=allowed_hosts)]
    return Starlette(routes=[Route("/", show), Route("/progress", answer)], middleware=middleware)
