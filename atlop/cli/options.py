"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from atlop import config
from atlop.cli.completion import complete_setting
from atlop.corpora import FORMATS, SCHEME_PREFIX
from atlop.decoding import DECISIONS
from atlop.errors import AtlopError

Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...",
        help="Run folder (its best/ is meant), model folder, or Hugging Face name; several score together.",
    ),
]
Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="Run folder (its best/ is meant), model folder, or Hugging Face name."),
]
Decision = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help=f"What turns scores into facts: {', '.join(DECISIONS)}, or a file of `atlop calibrate --output`. "
        "[default: as stored with the model]",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change one value, or without VALUE take its default; may be given again.",
        autocompletion=complete_setting,
    ),
]
Labelled = Annotated[Path, typer.Argument(metavar="FILE", help="Labelled documents.")]
Train = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Train file or .fact file, whose facts Ign F1 leaves out."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; scores and shares from 0 to 1.")]
Detailed = Annotated[
    bool,
    typer.Option(
        "--detailed", help="Scores of relations, within and across sentences, by mentions and distance; intervals."
    ),
]
Precision = Annotated[
    config.Precision,
    typer.Option(help="Number format of the matrix products; auto: bf16 or fp16 on a GPU, float32 on a CPU."),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", help="cpu, cuda or cuda:N. [default: a GPU where there is one]"),
]
Devices = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Train side by side on these GPUs, such as 0,1; or on cpu,cpu."),
]
Ner = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Recogniser that finds the mentions of plain text: spacy:NAME, transformers:NAME, or a function of one's "
        "own, MODULE:FUNCTION.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Format of the documents: {', '.join(FORMATS)}, {SCHEME_PREFIX}SCHEME.toml. [default: recognised]",
    ),
]
Invalid = Annotated[
    config.Invalid,
    typer.Option(help="What an invalid document does: strict stops, skip leaves it out and counts it."),
]

Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Where to listen; beyond 127.0.0.1, other machines reach it.")
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Another name to answer requests for, without port; may be given again. [default: any if other machines "
        "reach the service, else localhost and its addresses]",
    ),
]


def device_list(devices: str | None, *, device: str | None) -> list[str]:
    """Return the entries of `--devices`, none if it was not given.

    Raises:
        AtlopError: `--device` was given, too.
    """
    if devices is None:
        return []
    if device is not None:
        raise AtlopError(f"--device {device} and --devices {devices}: give one of the two")
    return [each.strip() for each in devices.split(",")]


def example(*commands: str) -> str:
    """Return the epilog of a help text: example commands, one per line."""
    return "\n".join(["\b", "Example:" if len(commands) == 1 else "Examples:", *(f"  {line}" for line in commands)])
