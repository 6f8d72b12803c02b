"""`atlop distill`."""

from pathlib import Path
from typing import Annotated

import typer

from atlop.cli.completion import complete_configuration
from atlop.cli.options import Device, Devices, Json, Overrides, device_list
from atlop.cli.session import print_result, quiet_libraries
from atlop.cli.text import grid, percent
from atlop.config_files import find_config, load_config
from atlop.corpora import require_files
from atlop.errors import AtlopError


def distill(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG",
            help="TOML file, or name of a shipped configuration (`atlop configs`): that of the student.",
            autocompletion=complete_configuration,
        ),
    ],
    overrides: Overrides = None,
    folds: Annotated[int, typer.Option(metavar="N", help="Number of teachers, each trained without one fold.")] = 5,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder of all stages, new or empty. [default: runs/<config>-distilled]"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Go on with this folder, with the same CONFIG; or begin it."),
    ] = None,
    devices: Devices = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Train teachers on all folds of the train documents but one each, and a student that learns from them.

    The margins of the teacher that never saw a document are its soft targets. The section `distillation` of CONFIG has
    the student's settings, and may name unlabelled documents. Each stage resumes.
    """
    chosen_devices = device_list(devices, device=device)
    if resume is not None and output is not None:
        raise AtlopError(f"--output {output}: stages that are resumed stay in their folder; leave --output out")
    settings = load_config(config, overrides=overrides or ())
    folder = resume or output or Path("runs") / f"{find_config(config).stem}-distilled"
    require_files(settings.data)
    with quiet_libraries(model=settings.encoder.name, kind="encoder"):
        from atlop import distillation

        summary = distillation.distill(
            settings,
            output=folder,
            folds=folds,
            resume=resume is not None,
            device=device,
            devices=chosen_devices,
        )
    rows = [
        [
            stage["name"],
            *(percent(stage["dev"][key]) if "dev" in stage else "" for key in ("f1", "ign_f1", "precision", "recall")),
            f"{stage['seconds'] / 60:.1f}",
        ]
        for stage in summary["stages"]
    ]
    print_result(
        {"output": folder, **summary},
        as_json=as_json,
        heading=f"{folder}: distilled; the best model is {folder / 'runs' / 'student' / 'best'}, "
        f"scores on {settings.data.dev}:",
        blocks=[grid(["stage", "F1", "Ign F1", "precision", "recall", "minutes"], rows, drop=["Ign F1"])],
    )
