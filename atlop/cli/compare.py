"""`atlop compare`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop import scoring
from atlop.cli.options import Format, Invalid, Json, Train
from atlop.cli.score_tables import comparison_table
from atlop.cli.session import print_result
from atlop.cli.text import NO_GOLD, corpus_heading


def compare(
    gold: Annotated[Path, typer.Argument(metavar="GOLD", help="Labelled documents.")],
    first: Annotated[Path, typer.Argument(metavar="RESULT1", help="Submission: result.json or result.zip.")],
    second: Annotated[Path, typer.Argument(metavar="RESULT2", help="The submission to compare with it.")],
    train: Train = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Compare two submissions for the same documents.

    Prints RESULT2 minus RESULT1, with a 95 % interval (paired bootstrap over documents) and a p value (approximate
    randomisation of documents). p values are not corrected for the number of rows.
    """
    compared = scoring.compare(gold, first, second, train=train, format=format, invalid=invalid)
    corpus, differences = compared.first.corpus, compared.differences
    print_result(
        {
            "file": corpus.summary(),
            "first": first,
            "second": second,
            "train": train,
            "scores": [asdict(compared.first.scores), asdict(compared.second.scores)],
            "differences": {
                kind: {label: asdict(group) for label, group in groups.items()} for kind, groups in differences.items()
            }
            if differences
            else None,
        },
        as_json=as_json,
        heading="\n".join([corpus_heading(corpus), f"first:  {first}", f"second: {second}"]),
        blocks=[comparison_table(differences) if differences else f"nothing to compare: {NO_GOLD}"],
    )
