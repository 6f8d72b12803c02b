"""`atlop serve`."""

from typing import Annotated

import typer

from atlop.cli.memory import keep_few_kernels
from atlop.cli.options import AllowHost, Decision, Device, Host, Model, Ner, Precision
from atlop.cli.session import quiet_libraries, require_extra


def serve(
    model: Model,
    host: Host = "127.0.0.1",
    allow_host: AllowHost = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    ner: Ner = None,
    decision: Decision = None,
    precision: Precision = "auto",
    device: Device = None,
) -> None:
    """Find facts over HTTP: for other programs, and on a page for people.

    Answers until Ctrl-C or SIGTERM. Whoever reaches it may use it.
    """
    require_extra("serve", "fastapi", "uvicorn", "jinja2")
    keep_few_kernels()
    with quiet_libraries(model=model, kind="model"):
        from atlop import serving, web
        from atlop.inference import RelationExtractor

        allowed = web.answered_hosts(host, others=allow_host)
        extractor = RelationExtractor.from_pretrained(
            model, decision=decision, precision=precision, device=device, ner=ner
        )
        limits = serving.Limits()
        page = serving.render_page(extractor)
        app = serving.make_app(extractor, limits=limits, page=page, allowed_hosts=allowed)
        web.serve(app, host=host, port=port, seconds=limits.seconds, connections=limits.connections)
