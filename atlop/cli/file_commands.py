"""The commands that read and write files and need no model: what each takes, does and prints."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from atlop.cli import checking, converting, downloading
from atlop.cli.options import Detailed, Format, Invalid, Json, Labelled, Train
from atlop.cli.predicting import described, heading
from atlop.cli.score_tables import comparison_table, detailed_table
from atlop.cli.scoring import score_in_depth, table_of_submission
from atlop.cli.session import USER_ERROR, report
from atlop.cli.text import GAP, Row, conversion_rows, corpus_rows, listed, score_rows
from atlop.corpora import CORPORA, SCHEME_PREFIX, WRITERS, read_labelled, read_train, read_vocabulary
from atlop.evaluation import compare as compare_tables
from atlop.evaluation import table_scores
from atlop.submission import read_submission


def score(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Submission: result.json or result.zip.")],
    file: Labelled,
    train: Train = None,
    detailed: Detailed = False,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Score a submission, without a model.

    Counts as the leaderboard does.
    """
    corpus = read_labelled(file, format=format, invalid=invalid)
    submission = read_submission(result, documents=corpus.documents)
    known = read_train(train, corpus=corpus, format=format)
    table = table_of_submission(submission, corpus=corpus, train=known)
    scores = asdict(table_scores(table))
    in_depth = score_in_depth(table, corpus=corpus, train=known) if detailed or as_json else None
    report(
        {
            "result": result,
            "file": described(corpus),
            "train": train,
            "scores": scores,
            "detailed": in_depth and asdict(in_depth),
            "duplicates": submission.duplicates,
            "unknown_titles": submission.unknown_titles,
        },
        as_json=as_json,
        heading=heading(corpus),
        rows=[
            *score_rows(scores),
            GAP,
            ("rows that repeat", f"{submission.duplicates:,}"),
            ("facts under unknown titles", f"{submission.unknown:,}", ", ".join(submission.unknown_titles[:3])),
        ],
        tables=[detailed_table(in_depth)] if in_depth else [],
    )


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
    corpus = read_labelled(gold, format=format, invalid=invalid)
    submissions = [read_submission(path, documents=corpus.documents) for path in (first, second)]
    known = read_train(train, corpus=corpus, format=format)
    tables = [table_of_submission(submission, corpus=corpus, train=known) for submission in submissions]
    differences = compare_tables(*tables, documents=corpus.documents, train_frequency=known.frequency)
    report(
        {
            "file": described(corpus),
            "first": first,
            "second": second,
            "train": train,
            "scores": [asdict(table_scores(table)) for table in tables],
            "differences": {
                kind: {label: asdict(group) for label, group in groups.items()} for kind, groups in differences.items()
            },
        },
        as_json=as_json,
        heading="\n".join([heading(corpus), f"first:  {first}", f"second: {second}"]),
        rows=[],
        tables=[comparison_table(differences)],
    )


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

    Prints every problem and ends with exit code 2 where there is one; else statistics.
    """
    known = None if relations is None else read_vocabulary(relations)
    if against is not None or checking.is_submission(file):
        result = checking.check_submission_file(file, against=against, vocabulary=known, format=format)
        rows: list[Row] = [(key, f"{value:,}") for key, value in result["statistics"].items()]
    else:
        tokens = None if tokenizer is None else checking.token_counter(tokenizer)
        result = checking.check_corpus_file(file, vocabulary=known, format=format, tokens=tokens)
        rows = corpus_rows(result) if result["statistics"] else []
    problems = result["problems"]
    verdict = "\n".join([f"{file}: {result['kind']}, not valid", *listed(problems)])
    heading = verdict if problems else f"{file}: {result['kind']}, valid"
    report(result, as_json=as_json, heading=heading, rows=rows)
    if problems:
        raise typer.Exit(USER_ERROR)


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Documents.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to make; a name in .gz packs it.")],
    target: Annotated[
        str,
        typer.Option(
            "--to", metavar="NAME", help=f"Format of OUTPUT: {', '.join(WRITERS)}, {SCHEME_PREFIX}SCHEME.toml."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help=f"Format of FILE: {', '.join(CORPORA)}, {SCHEME_PREFIX}SCHEME.toml. [default: recognised]",
        ),
    ] = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write documents in another format.

    Says what that format cannot hold. Keys that no format knows are left out.
    """
    result = converting.convert_file(file, output, source=source, target=target, invalid=invalid)
    held = "cannot hold" if result["losses"] else "holds"
    heading = f"{output}: written in format {target}, which {held} all that was read"
    report(result, as_json=as_json, heading=heading, rows=conversion_rows(result))


def download(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="docred or redocred.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="NAME", hidden=True)] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME …", help="Files, such as dev; train_distant (91 MB) comes only when asked for."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the files go. [default: data/<corpus>]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch files again that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch a published corpus, and check it.

    What is there is checked and not fetched again; a download that was cut goes on. HF_ENDPOINT and ATLOP_GITHUB_RAW
    name mirrors of huggingface.co and raw.githubusercontent.com.
    """
    result = downloading.download_corpus(corpus, files=[*(files or ()), *(more or ())], output=output, again=force)
    heading = "\n".join(filter(None, [f"{result['output']}: {result['title']}", result["note"]]))
    report(result, as_json=as_json, heading=heading, rows=downloading.download_rows(result["files"]))
