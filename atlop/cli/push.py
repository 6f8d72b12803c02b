"""`atlop push`."""

from typing import Annotated

import typer

from atlop.cli.models import quiet_models
from atlop.cli.options import Json
from atlop.cli.session import print_result


def push(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Run folder (its best/ is sent), or model folder.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name on the Hugging Face hub, owner/name.")],
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="Licence, as the hub calls it; goes into the card.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make it visible to its owner alone.")] = False,
    as_json: Json = False,
) -> None:
    """Send a model folder to the Hugging Face hub.

    Its card, README.md, is written first where it is missing.
    """
    with quiet_models([model]):
        from atlop.model_folder import card, hub

        published = hub.publish(model, name, licence=licence, private=private)
    note = "give one with --license" if published.licence == card.UNKNOWN else ""
    print_result(
        {"model": published.folder, "name": name, "address": published.address, "license": published.licence},
        as_json=as_json,
        heading=f"{published.folder} is sent: {published.address}",
        rows=[("licence", published.licence, note)],
    )
