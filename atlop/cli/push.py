"""`atlop push`."""

from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.options import Json, Model
from atlop.cli.session import print_result, quiet_libraries
from atlop.errors import AtlopError
from atlop.files import model_folder, read_json


def push(
    model: Model,
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
    folder = Path(model_folder(model))
    if not (folder / "config.json").is_file():
        raise AtlopError(f"{model}: no such folder; give a run folder or a model folder")
    with quiet_libraries(model=str(folder), kind="model"):
        from atlop.model_folder import FinishedRun, card, hub

        if not (folder / card.CARD).is_file():
            summary = folder.parent / "summary.json"
            is_finished = summary.is_file() and folder.name in ("best", "last")
            card.write_card(folder, run=FinishedRun(folder.parent, read_json(summary)) if is_finished else None)
        if licence is not None:
            card.set_licence(folder, licence)
        address = hub.push(folder, name, private=private)
        licence = card.licence_of(folder)
    note = "give one with --license" if licence == card.UNKNOWN else ""
    print_result(
        {"model": folder, "name": name, "address": address, "license": licence},
        as_json=as_json,
        heading=f"{folder} is sent: {address}",
        rows=[("licence", licence, note)],
    )
