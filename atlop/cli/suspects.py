"""`atlop suspects`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from atlop.cli.completion import complete_configuration
from atlop.cli.models import quiet_models
from atlop.cli.options import Device, Devices, Json, Overrides, device_list
from atlop.cli.session import print_result, quiet_libraries, require_extra
from atlop.cli.text import MAX_LISTED, corpus_heading, grid
from atlop.config import RunConfig
from atlop.config_files import find_config, load_config
from atlop.corpora import require_files
from atlop.errors import AtlopError
from atlop.files import one_writer, write_text

FOLDS = 5
FIRST = "teacher-1"
"""Run of the first teacher."""


def suspects(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="Labelled documents, which the teachers are trained on.")
    ],
    config: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG",
            help="Train teachers with this configuration, with CORPUS as its train file.",
            autocompletion=complete_configuration,
        ),
    ] = None,
    overrides: Overrides = None,
    folds: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"Number of teachers, each trained without one fold. [default: {FOLDS}]"),
    ] = None,
    teachers: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the teachers: that of `atlop distill`, or of an earlier call. "
            "[default: runs/<config>-teachers]",
        ),
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many of each kind to give at most.")] = 100,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Page to write, with the text; a name in .html.")
    ] = None,
    devices: Devices = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Find labels that are probably wrong, and facts that are probably missing.

    Each document is judged by a teacher that was trained on the other folds of CORPUS, so that it never saw its labels.
    Labels that it denies are ranked by its doubt, and facts without a label that it asserts by their margin. The same
    command goes on with teachers that were interrupted, and keeps finished ones.
    """
    if output is not None:
        require_extra("report", "matplotlib", "jinja2")
        if output.suffix != ".html":
            raise AtlopError(f"{output}: expected a name that ends in .html")
    chosen_devices = device_list(devices, device=device)
    if config is None:
        settings, folder, folds = _recorded(teachers, folds=folds, overrides=overrides)
        quiet = quiet_models([str(folder / "runs" / FIRST)])
    else:
        settings = load_config(config, overrides=overrides or ())
        settings = settings.model_copy(update={"data": settings.data.model_copy(update={"train": corpus})})
        require_files(settings.data)
        folder = teachers or Path("runs") / f"{find_config(config).stem}-teachers"
        folds = FOLDS if folds is None else folds
        quiet = quiet_libraries(model=settings.encoder.name, kind="encoder")
    with quiet:
        from atlop import distillation

        found = distillation.find_suspects(
            distillation.judge(
                corpus,
                config=settings,
                teachers=folder,
                folds=folds,
                device=device,
                devices=chosen_devices,
                show_progress=sys.stderr.isatty(),
            ),
            count=count,
        )
        result = found.as_json()
        if output is not None:
            from atlop.report import render_suspects

            title = f"Suspect labels of {corpus}"
            with one_writer(output):
                write_text(
                    output,
                    render_suspects(result, documents=found.corpus.documents, names=found.names, title=title),
                )
    print_result(
        {"teachers": folder, "folds": folds, "output": output, **result},
        as_json=as_json,
        heading=f"{corpus_heading(found.corpus)}, {result['labels']:,} labels; teachers in {folder}"
        + ("" if output is None else f"; wrote {output}"),
        blocks=[
            _block(f"teachers deny {result['denied_count']:,} labels:", result["denied"]),
            _block(f"teachers assert {result['asserted_count']:,} facts without a label:", result["asserted"]),
        ],
    )


def _recorded(
    teachers: Path | None, *, folds: int | None, overrides: Sequence[str] | None
) -> tuple[RunConfig, Path, int]:
    """Return the configuration, the folder and the number of the teachers that are trained there, or begun."""
    if teachers is None:
        raise AtlopError(
            "there are no teachers; give --config to train them, or --teachers with a folder that has some"
        )
    if overrides or folds is not None:
        raise AtlopError("--set and --folds are for teachers that are trained; give --config, too")
    path = teachers / "runs" / FIRST / "config.toml"
    if not path.is_file():
        raise AtlopError(f"{teachers}: has no teachers (no {path}); give --config to train them there")
    config = load_config(str(path))
    if config.data.leave_out is None:
        raise AtlopError(f"{path}: leaves out no fold; expected a teacher of `atlop distill` or `atlop suspects`")
    data = config.data.model_copy(update={"leave_out": None})
    return config.model_copy(update={"data": data}), teachers, config.data.leave_out[1]


def _block(heading: str, suspects: Sequence[Mapping[str, Any]]) -> str:
    """Return the first suspects as lines, under a heading."""
    if not suspects:
        return heading.replace(":", "")
    rows = [
        [
            f"{each['subject']['name']} | {each['relation_name']} | {each['object']['name']}",
            f"{each['doubt']:.2f}" if "doubt" in each else "",
            f"{each['margin']:.2f}",
            each["title"],
        ]
        for each in suspects[:MAX_LISTED]
    ]
    more = len(suspects) - MAX_LISTED
    lines = [heading, grid(["fact", "doubt", "margin", "document"], rows, drop=["document"], whole_labels=True)]
    return "\n".join([*lines, *([f"… and {more:,} more; --json and --output have them"] if more > 0 else [])])
