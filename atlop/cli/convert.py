"""`atlop convert`."""

from pathlib import Path
from typing import Annotated

import typer

from atlop import converting
from atlop.cli.options import Invalid, Json
from atlop.cli.outputs import new_output
from atlop.cli.session import print_result
from atlop.cli.text import GAP, Row, count_rows
from atlop.corpora import FORMATS, SCHEME_PREFIX, writable_formats
from atlop.errors import AtlopError


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Documents.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="NAME",
            help=f"Format of OUTPUT: {', '.join(writable_formats())}, {SCHEME_PREFIX}SCHEME.toml. "
            "[default: as OUTPUT's suffix says]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUTPUT]",
            help="File to make, a folder for brat; a name in .gz packs it. [default: in the working folder, FILE's "
            "name with the suffix or the name of the format]",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help=f"Format of FILE: {', '.join(FORMATS)}, {SCHEME_PREFIX}SCHEME.toml. [default: recognised]",
        ),
    ] = None,
    entities: Annotated[
        converting.Entities,
        typer.Option(help="Entities of the file, or grouped by the names of mentions too, where a file groups none."),
    ] = "annotated",
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write documents in another format.

    Says what that format cannot hold. Keys that no format knows are left out.
    """
    if target is None:
        target = _format_by_suffix(output)
    if output is None:
        format = FORMATS.get(target)
        output = new_output(file, suffix=(format and format.suffix) or f".{target.partition(':')[0]}")
    conversion = converting.convert(file, output, to=target, format=source, invalid=invalid, entities=entities)
    counts = conversion.issues.counts()
    found = {kind: count for kind, count in counts.items() if count}
    rows: list[Row] = count_rows({"documents": conversion.documents} | found)
    if left_out := conversion.issues.left_out:
        rows += [GAP, ("not read:", ""), *((f"  {kind}", f"{count:,}") for kind, count in left_out.items())]
    if conversion.losses:
        rows += [GAP, ("not kept:", ""), *((f"  {kind}", f"{count:,}") for kind, count in conversion.losses.items())]
    print_result(
        {
            "path": file,
            "output": output,
            "from": conversion.source_format,
            "to": target,
            "documents": conversion.documents,
            "skipped": conversion.issues.skipped,
            **counts,
            "left_out": left_out,
            "losses": conversion.losses,
        },
        as_json=as_json,
        heading=f"{output}: written in format {target}, which {'cannot hold' if conversion.losses else 'holds'} "
        "all that was read",
        rows=rows,
    )


def _format_by_suffix(output: Path | None) -> str:
    name = "" if output is None else output.name.removesuffix(".gz")
    suffixes = {name: format.suffix for name, format in FORMATS.items() if format.write is not None and format.suffix}
    found = next((format for format, suffix in suffixes.items() if name.endswith(suffix)), None)
    if found is None:
        raise AtlopError(f"--to is missing: give a format, or an OUTPUT that ends in {', '.join(suffixes.values())}")
    return found
