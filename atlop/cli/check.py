"""`atlop check`."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from atlop import checking
from atlop.cli.options import Format, Json
from atlop.cli.session import USER_ERROR, print_result, quiet_libraries
from atlop.cli.text import Row, count_rows, listed, statistics_rows


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Corpus, or submission (.zip, or rows with h_idx).")],
    against: Annotated[Path | None, typer.Option(metavar="FILE", help="Documents that a submission is for.")] = None,
    relations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="rel2id.json with the known relations.")
    ] = None,
    format: Format = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Hugging Face name or folder: count tokens, and what cuts would cost."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate a corpus or a submission.

    Prints the first problems, of a submission the first of each kind, with the number of others, and ends with exit
    code 2 where there is one; else statistics.
    """
    with nullcontext() if tokenizer is None else quiet_libraries(model=tokenizer, kind="tokenizer"):
        found = checking.check(
            file,
            against=against,
            relations=relations,
            format=format,
            tokenizer=tokenizer,
            show_progress=sys.stderr.isatty(),
        )
    is_corpus, problems = found.kind == "corpus", found.problems
    rows: list[Row] = []
    if is_corpus and found.statistics:
        rows = [
            ("format", found.format or ""),
            ("problems", f"{found.problem_count:,}"),
            *statistics_rows(found.statistics),
        ]
    elif found.statistics:
        rows = count_rows(found.statistics)
    lines = listed(problems, count=found.problem_count) if is_corpus else problems  # which say how many others are
    verdict = "\n".join(["not valid", *lines]) if problems else "valid"
    print_result(
        {
            "kind": found.kind,
            "path": file,
            **({"format": found.format} if is_corpus else {}),
            "valid": not problems,
            "problems": problems,
            "problem_count": found.problem_count,
            "hints": found.hints,
            "statistics": found.statistics,
        },
        as_json=as_json,
        heading=f"{file}: {found.kind}, {verdict}",
        rows=rows,
        blocks=[f"hint: {hint}" for hint in found.hints],
    )
    if problems:
        raise typer.Exit(USER_ERROR)
