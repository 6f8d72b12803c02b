"""The commands: what each takes, does and prints. torch and transformers come in where a command needs them."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from atlop import __version__
from atlop.cli import checking, converting, downloading
from atlop.cli.options import BatchSize, Invalid, Json, Labelled, Layout, Model, Precision, Train, example
from atlop.cli.predicting import described, heading, layout_for, predict_corpus, read_labelled, read_seen
from atlop.cli.session import USER_ERROR, Commands, is_main_process, quiet_libraries, report
from atlop.cli.text import GAP, Row, conversion_rows, corpus_rows, listed, score_rows, truncation_rows
from atlop.corpora import CORPORA, WRITERS, read_corpus, read_vocabulary, statistics_of
from atlop.errors import AtlopError
from atlop.evaluation import official_scores
from atlop.files import refuse_taken
from atlop.submission import read_submission, write_submission

app = typer.Typer(
    cls=Commands,
    help="Document-level relation extraction: train, evaluate and apply ATLOP models.",
    epilog=example("atlop train sample", "atlop train --help"),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich would double the time of --help
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the `atlop` command and leave Python with its exit code.

    Args:
        arguments: Those of the command line where not given.
    """
    app(args=arguments, prog_name="atlop")
    sys.exit()


def _print_version(asked: bool) -> None:
    if asked:
        print(f"atlop {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Take what stands before the command."""


@app.command(
    epilog=example("atlop train docred_bert_base --set optimizer.encoder_learning_rate=3e-5 --output runs/first")
)
def train(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="TOML file, or name of a shipped configuration.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one value; may be given again."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder of the run, new or empty. [default: runs/<config>]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model.

    Everything about the run goes into one folder; the best model is best/ in it.
    """
    from atlop.config import find_config, load_config

    settings = load_config(config, overrides=overrides or ())
    output = output or Path("runs") / find_config(config).stem
    refuse_taken(output)  # before torch is imported, which takes seconds
    with quiet_libraries(needs=settings.encoder.name, what="encoder"):
        from atlop.training import train

        summary = train(settings, output=output)
        if not is_main_process():
            return
    best = summary["best"]
    rows: list[Row] = [
        ("updates", f"{summary['updates']:,}"),
        ("best after update", f"{best['update']:,}"),
        ("minutes", f"{summary['seconds'] / 60:.1f}"),
        GAP,
        *score_rows(best),
        *truncation_rows(summary["dev"]["truncation"]),
    ]
    heading = f"{output}: trained; the best model is {output / 'best'}, its scores on {settings.data.dev}:"
    report({"output": output, **summary}, as_json=as_json, heading=heading, rows=rows)


@app.command(epilog=example("atlop evaluate runs/docred_bert_base dev.json --train train_annotated.json"))
def evaluate(
    model: Model,
    file: Labelled,
    train: Train = None,
    batch_size: BatchSize = 8,
    precision: Precision = "float32",
    layout: Layout = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Score a model on labelled documents.

    Counts as the leaderboard does.
    """
    corpus = read_labelled(file, layout=layout, invalid=invalid)
    train_facts = read_seen(train, layout=layout)
    found, _ = predict_corpus(model, corpus, precision=precision, batch_size=batch_size)
    scores = asdict(official_scores(corpus.documents, predictions=found.facts, train_facts=train_facts))
    if is_main_process():
        report(
            {
                "model": model,
                "file": described(corpus),
                "train": train,
                "scores": scores,
                "truncation": asdict(found.truncation),
                "unknown_relation_facts": found.unknown_facts,
            },
            as_json=as_json,
            heading=heading(corpus),
            rows=[
                *score_rows(scores),
                *truncation_rows(asdict(found.truncation)),
                ("facts of unknown relations", f"{found.unknown_facts:,}"),
            ],
        )


@app.command(epilog=example("atlop predict runs/docred_bert_base test.json --output result.json"))
def predict(
    model: Model,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Documents; labels are not looked at.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the JSON goes, the zip beside it.")],
    batch_size: BatchSize = 8,
    precision: Precision = "float32",
    layout: Layout = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write the leaderboard's result.json and .zip."""
    if output.suffix != ".json":
        raise AtlopError(f"{output}: expected a name that ends in .json; the zip is written beside it")
    corpus = read_corpus(file, layout=layout_for(file, layout=layout), invalid=invalid)
    if repeated := statistics_of(corpus.documents).repeated_titles:  # said before an hour is spent on predicting
        titles = ", ".join(f'"{title}"' for title in repeated)
        raise AtlopError(
            f"{file}: titles repeat, so a submission could not tell the documents apart: {titles}; give each its own"
        )
    found, vocabulary = predict_corpus(model, corpus, precision=precision, batch_size=batch_size)
    if is_main_process():
        packed = write_submission(
            output, documents=corpus.documents, predictions=found.facts, relations=vocabulary.relations
        )
        facts = sum(map(len, found.facts))
        report(
            {
                "model": model,
                "file": described(corpus),
                "facts": facts,
                "truncation": asdict(found.truncation),
                "output": output,
                "zip": packed,
            },
            as_json=as_json,
            heading=f"{heading(corpus)}; {output} and {packed} are written",
            rows=[("facts", f"{facts:,}"), *truncation_rows(asdict(found.truncation))[:3]],
        )


@app.command(epilog=example("atlop score result.zip dev.json --train train_annotated.json"))
def score(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Submission: result.json or result.zip.")],
    file: Labelled,
    train: Train = None,
    layout: Layout = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Score a submission, without a model.

    Counts as the leaderboard does.
    """
    corpus = read_labelled(file, layout=layout, invalid=invalid)
    submission = read_submission(result, documents=corpus.documents)
    train_facts = read_seen(train, layout=layout)
    scores = asdict(
        official_scores(
            corpus.documents,
            predictions=submission.predictions,
            train_facts=train_facts,
            unknown=submission.unknown,
        )
    )
    report(
        {
            "result": result,
            "file": described(corpus),
            "train": train,
            "scores": scores,
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
    )


@app.command(
    epilog=example("atlop check train.json --relations rel2id.json", "atlop check result.zip --against test.json")
)
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Corpus, or submission (.zip, or rows with h_idx).")],
    against: Annotated[Path | None, typer.Option(metavar="FILE", help="Documents that a submission is for.")] = None,
    relations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="rel2id.json with the known relations.")
    ] = None,
    layout: Layout = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Hugging Face name or folder: count pieces, and what cuts would cost."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate a corpus or a submission.

    Prints every problem and ends with exit code 2 where there is one; else statistics.
    """
    known = None if relations is None else read_vocabulary(relations)
    if against is not None or checking.is_submission(file):
        result = checking.check_submission_file(file, against=against, vocabulary=known, layout=layout)
        rows: list[Row] = [(key, f"{value:,}") for key, value in result["statistics"].items()]
    else:
        pieces = None if tokenizer is None else checking.piece_counter(tokenizer)
        result = checking.check_corpus_file(file, vocabulary=known, layout=layout, pieces=pieces)
        rows = corpus_rows(result) if result["statistics"] else []
    problems = result["problems"]
    verdict = "\n".join([f"{file}: {result['kind']}, not valid", *listed(problems)])
    heading = verdict if problems else f"{file}: {result['kind']}, valid"
    report(result, as_json=as_json, heading=heading, rows=rows)
    if problems:
        raise typer.Exit(USER_ERROR)


@app.command(epilog=example("atlop convert train.json train.jsonl --from docred --to jsonl"))
def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Documents.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to make; a name in .gz packs it.")],
    source: Annotated[str, typer.Option("--from", metavar="LAYOUT", help=f"Layout of FILE: {', '.join(CORPORA)}.")],
    target: Annotated[str, typer.Option("--to", metavar="LAYOUT", help=f"Layout of OUTPUT: {', '.join(WRITERS)}.")],
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write documents in another layout.

    Says what that layout cannot hold. Keys that no layout knows are left out.
    """
    result = converting.convert_file(file, output, source=source, target=target, invalid=invalid)
    held = "cannot hold" if result["losses"] else "holds"
    heading = f"{output}: written in layout {target}, which {held} all that was read"
    report(result, as_json=as_json, heading=heading, rows=conversion_rows(result))


@app.command(
    epilog=example(
        "atlop download docred",
        "atlop download docred --files train_distant",
        "atlop download redocred --files train_revised dev_revised",
    )
)
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


@app.command(
    epilog=example(
        "atlop import-checkpoint model.pt --encoder bert-base-cased --relations rel2id.json --output models/released"
    )
)
def import_checkpoint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="State dict of the authors' released code.")],
    encoder: Annotated[str, typer.Option(metavar="NAME", help="Hugging Face name or folder of its encoder.")],
    relations: Annotated[Path, typer.Option(metavar="FILE", help="rel2id.json that it was trained with.")],
    output: Annotated[Path, typer.Option(metavar="MODEL", help="Model folder to make, new or empty.")],
    relation_names: Annotated[Path | None, typer.Option(metavar="FILE", help="rel_info.json: readable names.")] = None,
    max_length: Annotated[int, typer.Option(metavar="N", min=8, help="Longest input in pieces.")] = 1024,
    max_relations: Annotated[int, typer.Option(metavar="N", min=1, help="Most relations of one pair.")] = 4,
    as_json: Json = False,
) -> None:
    """Make a model folder of a released checkpoint."""
    from atlop.config import EncodingConfig, ObjectiveConfig

    if not file.is_file():
        raise AtlopError(f"{file}: no such file; give the state dict that the released code saved")
    refuse_taken(output)
    vocabulary = read_vocabulary(relations, names=relation_names)
    with quiet_libraries(needs=encoder, what="encoder"):
        from atlop.model import classifier_sizes, load_released, new_model, save_model

        model, tokenizer = new_model(
            encoder,
            vocabulary=vocabulary,
            encoding=EncodingConfig(max_length=max_length),
            classifier=classifier_sizes(file),
            objective=ObjectiveConfig(max_relations=max_relations),
            pretrained=False,
        )
        load_released(model, file)
        save_model(output, model=model, tokenizer=tokenizer)
    result: dict[str, Any] = {
        "output": output,
        "relations": len(vocabulary.relations),
        "representation_size": model.config.representation_size,
        "block_size": model.config.block_size,
        "parameters": model.num_parameters(),
    }
    rows: list[Row] = [(key.replace("_", " "), f"{result[key]:,}") for key in list(result)[1:]]
    report(result, as_json=as_json, heading=f"{output}: model folder written", rows=rows)
