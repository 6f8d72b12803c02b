"""The `atlop` command, with its subcommands in the order of the help."""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

import typer

from atlop import __version__
from atlop.cli.calibrate import calibrate
from atlop.cli.check import check
from atlop.cli.compare import compare
from atlop.cli.completion import join_split_setting
from atlop.cli.config import config
from atlop.cli.configs import configs
from atlop.cli.convert import convert
from atlop.cli.distill import distill
from atlop.cli.download import download
from atlop.cli.evaluate import evaluate
from atlop.cli.experiment import experiment
from atlop.cli.extract import extract
from atlop.cli.graph import graph
from atlop.cli.import_checkpoint import import_checkpoint
from atlop.cli.options import example
from atlop.cli.plot import plot
from atlop.cli.predict import predict
from atlop.cli.push import push
from atlop.cli.relations import relations
from atlop.cli.report import report
from atlop.cli.score import score
from atlop.cli.serve import serve
from atlop.cli.session import Commands, prepare_streams
from atlop.cli.suspects import suspects
from atlop.cli.train import train
from atlop.cli.watch import watch

app = typer.Typer(
    cls=Commands,
    help="Document-level relation extraction: train, evaluate and apply ATLOP models.",
    epilog=example("atlop train sample", "atlop train --help"),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,  # rich would double the time of --help
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the `atlop` command and exit; `arguments` default to those of the command line."""
    prepare_streams()
    join_split_setting()
    app(args=arguments, prog_name="atlop")
    sys.exit()


def _print_version(requested: bool) -> None:
    if requested:
        print(f"atlop {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Accept options before the command."""


EXAMPLES: dict[Callable[..., None], tuple[str, ...]] = {
    train: (
        "atlop train docred_bert_base --set trainer.epochs=10 --output runs/first",
        "atlop train docred_bert_base --dry-run",
        "atlop train --resume runs/first",
    ),
    watch: ("atlop watch runs/docred_bert_base",),
    evaluate: (
        "atlop evaluate runs/docred_bert_base dev.json --train train_annotated.json",
        "atlop evaluate runs/docred_bert_base dev.json --end-to-end --ner spacy:en_core_web_sm",
    ),
    predict: (
        "atlop predict runs/docred_bert_base test.json --output result.json",
        "atlop predict runs/first runs/second test.json --output result.json",
    ),
    calibrate: (
        "atlop calibrate runs/docred_bert_base dev.json --evidence",
        "atlop calibrate runs/first runs/second dev.json --output decision.json",
    ),
    experiment: (
        "atlop experiment experiments/thresholds --dry-run",
        "atlop experiment experiments/thresholds --devices 0,1",
    ),
    distill: (
        "atlop distill redocred_minilm --set distillation.unlabelled=unlabelled.json",
        "atlop distill redocred_minilm --folds 3 --devices 0,1 --resume runs/redocred_minilm-distilled",
    ),
    suspects: (
        "atlop suspects train.jsonl --config own.toml --output suspects.html",
        "atlop suspects train.jsonl --teachers runs/own-distilled --json",
    ),
    extract: (
        "atlop extract runs/docred_bert_base documents.jsonl --output facts.jsonl",
        "atlop extract runs/docred_bert_base texts --ner spacy:en_core_web_sm --output facts.parquet",
        "accelerate launch --num_processes 2 -m atlop extract runs/own documents.jsonl --output facts.parquet",
    ),
    serve: ("atlop serve runs/docred_bert_base", "atlop serve runs/own --host 0.0.0.0 --port 80"),
    graph: (
        "atlop graph facts.jsonl --output graph.graphml --merge-by id",
        "atlop graph facts.parquet --output graph.html --min-probability 0.8",
    ),
    score: ("atlop score result.zip dev.json --train train_annotated.json",),
    compare: ("atlop compare dev.json first.json second.json --train train_annotated.json",),
    plot: (
        "atlop plot runs/docred_bert_base --output plots",
        "atlop plot runs/seed66 runs/seed67 runs/seed68 --output plots",
        "atlop plot runs/docred_bert_base --output plots --dev dev.json --train train_annotated.json",
    ),
    report: (
        "atlop report runs/docred_bert_base --output report.html",
        "atlop report result.json --dev dev.json --against runs/docred_bert_base --output report.html",
    ),
    check: ("atlop check train.json --relations rel2id.json", "atlop check result.zip --against test.json"),
    convert: ("atlop convert train.json train.jsonl --from docred --to jsonl",),
    download: (
        "atlop download docred",
        "atlop download docred --files train_distant",
        "atlop download redocred --files train_revised dev_revised",
    ),
    import_checkpoint: (
        "atlop import-checkpoint model.pt --encoder bert-base-cased --relations rel2id.json --output models/released",
    ),
    push: ("atlop push runs/docred_bert_base owner/name --private --license mit",),
    configs: ("atlop configs",),
}
"""Examples of each command, in the order of the help."""

for command, examples in EXAMPLES.items():
    app.command(epilog=example(*examples))(command)
app.add_typer(config, name="config")
app.add_typer(relations, name="relations")
