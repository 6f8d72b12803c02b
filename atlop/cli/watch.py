"""`atlop watch`."""

from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.options import AllowHost, Host, Json
from atlop.cli.session import print_result, require_extra

SECONDS, CONNECTIONS = 30.0, 64
"""Limits of a request, and of open connections."""


def watch(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, also of one that has ended.")],
    host: Host = "127.0.0.1",
    allow_host: AllowHost = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 takes a free one.")] = 8001,
    as_json: Json = False,
) -> None:
    """Show a training on a page that follows it: loss, dev scores, learning rates, time left.

    Reads the files of the run and changes none, so it may start and end at any time. With --json, it prints what the
    page shows, once.
    """
    require_extra("serve", "starlette", "uvicorn", "jinja2")
    from atlop import watching, web

    progress = watching.RunProgress(run)
    if as_json:
        print_result(progress.snapshot(), as_json=True, heading="")
        return
    allowed = web.answered_hosts(host, others=allow_host)
    app = watching.make_app(progress, title=str(run), allowed_hosts=allowed)
    web.serve(app, host=host, port=port, seconds=SECONDS, connections=CONNECTIONS)
