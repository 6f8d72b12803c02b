"""`atlop serve`."""

import logging
from typing import Annotated

import typer

from atlop.cli.memory import keep_few_kernels
from atlop.cli.options import Decision, Device, Model, Ner, Precision
from atlop.cli.session import quiet_libraries, require_extra

logger = logging.getLogger(__name__)


def serve(
    model: Model,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; beyond 127.0.0.1, other machines reach it.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Another name to answer requests for, without port; may be given again. [default: any if other "
            "machines reach the service, else localhost and its addresses]",
        ),
    ] = None,
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
        from atlop import serving
        from atlop.inference import RelationExtractor

        if not serving.is_loopback(host):
            logger.warning("whoever reaches %s may use the service; it asks for no password and does not encrypt", host)
        extractor = RelationExtractor.from_pretrained(
            model, decision=decision, precision=precision, device=device, ner=ner
        )
        limits = serving.Limits()
        allowed = allow_host or ([] if serving.is_loopback(host) else None)
        page = serving.render_page(extractor)
        app = serving.make_app(extractor, limits=limits, page=page, allowed_hosts=allowed)
        serving.serve(app, host=host, port=port, limits=limits)
