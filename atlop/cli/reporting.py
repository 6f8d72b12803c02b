"""`atlop report`: what a model or a submission finds in labelled documents, as one page."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlop.cli import plotting
from atlop.cli.options import BatchSize, Device, Format, Invalid, Json, Precision, Train
from atlop.cli.predicting import (
    described,
    loaded_models,
    predict_corpus,
)
from atlop.cli.predicting import heading as corpus_heading
from atlop.cli.scoring import score_in_depth
from atlop.cli.session import is_main_process
from atlop.cli.session import report as print_report
from atlop.cli.text import score_rows
from atlop.config_files import load_config
from atlop.corpora import Corpus, TrainFacts, read_labelled, read_train
from atlop.errors import AtlopError
from atlop.evaluation import FactTable, compare, fact_table, table_scores
from atlop.files import write_text
from atlop.schema import Fact
from atlop.submission import read_submission

if TYPE_CHECKING:
    from atlop.report import DocumentAnalysis, ScoredResult

CAPTIONS = {
    "learning": "Training: loss, and scores on the development file after each evaluation",
    "precision_recall": "Precision against recall as the threshold moves, with the model's own decisions marked",
    "margins": "How far relations that hold, and relations that do not, are above the threshold",
    "relations": "F1 of each relation by the number of its train facts",
}
"""What each picture shows, by the name that `atlop plot` gives it."""


@dataclass(frozen=True)
class Found:
    """What a model, or a submission, finds in a corpus."""

    name: str
    facts: Sequence[Collection[Fact]]
    unknown: int = 0
    """Facts under titles that the corpus does not have."""
    names: dict[str, str] = field(default_factory=dict)
    """Readable names of relations."""
    analyses: "Sequence[DocumentAnalysis] | None" = None
    """What a model says of each document."""
    pictures: Sequence[plotting.Picture] = ()


def report(
    source: Annotated[
        str, typer.Argument(metavar="RUN", help="Run folder, model, or submission (result.json or result.zip).")
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where the page goes, a name that ends in .html.")],
    dev: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled documents. [default: those that the run was evaluated on]"),
    ] = None,
    train: Train = None,
    against: Annotated[
        str | None, typer.Option(metavar="RUN2", help="Compare with this run, model or submission.")
    ] = None,
    batch_size: BatchSize = 8,
    precision: Precision = "auto",
    device: Device = None,
    format: Format = None,
    invalid: Invalid = "strict",
    as_json: Json = False,
) -> None:
    """Write a page that shows where a model is right and wrong, and what it read.

    One HTML file that opens from disk and needs no network: scores, pictures, relations, and every document with its
    facts. A submission alone has no class scores and no context. Differences are RUN minus RUN2.
    """
    plotting.require_matplotlib(command="atlop report")
    if output.suffix != ".html":
        raise AtlopError(f"{output}: expected a name that ends in .html")
    corpus = read_labelled(dev or _dev_of(source), format=format, invalid=invalid)
    known = read_train(train, corpus=corpus, format=format)
    other = None
    if against is not None:
        other = _found(against, corpus=corpus, precision=precision, device=device, batch_size=batch_size)
    if _is_submission(source):
        found = _found(source, corpus=corpus, precision=precision, device=device, batch_size=batch_size)
    else:
        found = _read_closely(
            source, corpus=corpus, other=other, precision=precision, device=device, batch_size=batch_size, train=known
        )
    if not _writes(source, against):
        return
    page, scores = _page(found, other, corpus=corpus, train=known)
    write_text(output, page)
    print_report(
        {"run": source, "against": against, "file": described(corpus), "scores": scores, "output": output},
        as_json=as_json,
        heading=f"{corpus_heading(corpus)}; {output} is written ({output.stat().st_size / 1e6:.1f} MB)",
        rows=score_rows(scores),
    )


def _is_submission(source: str) -> bool:
    return Path(source).is_file()


def _writes(*sources: str | None) -> bool:
    """Return whether this process writes; without a model there is only one, and no need for torch."""
    return all(source is None or _is_submission(source) for source in sources) or is_main_process()


def _dev_of(run: str) -> Path:
    """Return the labelled documents that a run was evaluated on.

    Raises:
        AtlopError: It is no run, or one of version 0.1.
    """
    from atlop.run_folder import refuse_earlier_version

    config = Path(run) / "config.toml"
    if not config.is_file():
        raise AtlopError(
            f"{run}: does not say what it was evaluated on (no config.toml); give labelled documents: --dev"
        )
    refuse_earlier_version(Path(run))
    return load_config(str(config)).data.dev


def _found(source: str, *, corpus: Corpus, precision: Precision, device: str | None, batch_size: int) -> Found:
    """Return what a submission holds, or a model finds."""
    if _is_submission(source):
        submission = read_submission(Path(source), documents=corpus.documents)
        return Found(source, submission.predictions, unknown=submission.unknown)
    predictions, vocabulary = predict_corpus(
        [source], corpus, precision=precision, device=device, batch_size=batch_size
    )
    return Found(source, predictions.facts, names=dict(vocabulary.names))


def _read_closely(
    run: str,
    *,
    corpus: Corpus,
    other: Found | None,
    precision: Precision,
    device: str | None,
    batch_size: int,
    train: TrainFacts,
) -> Found:
    """Return what a model finds, with its scores, what it read, and pictures of it all."""
    metrics = Path(run) / "metrics.jsonl"
    learning = [plotting.learning_picture_of(metrics)] if metrics.is_file() else []
    with loaded_models([run], precision=precision, device=device) as (ensemble, settings):
        from atlop.model_folder import preprocessor_for
        from atlop.prediction import batches_by_length, score_batches
        from atlop.report import AnalysisCollector

        [member] = ensemble.members
        collector = AnalysisCollector(
            corpus.documents,
            rule=ensemble.rule,
            preprocessor=preprocessor_for(member.model, member.tokenizer),
            others=None if other is None else other.facts,
        )
        scored = score_batches(
            member.model.to(settings["accelerator"].device),
            settings["progress"](batches_by_length(member.preprocess(corpus.documents), batch_size=batch_size)),
            accelerator=settings["accelerator"],
            keep_attention=True,
        )
        decisions = plotting.decisions_of(collector.watch(scored), corpus=corpus, rule=ensemble.rule, train=train)
    analyses = collector.result()
    return Found(
        run,
        [analysis.facts for analysis in analyses],
        names=dict(ensemble.rule.vocabulary.names),
        analyses=analyses,
        pictures=[*learning, *plotting.decision_pictures(decisions)],
    )


def _page(found: Found, other: Found | None, *, corpus: Corpus, train: TrainFacts) -> tuple[str, dict[str, object]]:
    """Return the page and the scores in it."""
    from atlop.report import contents, figure_svg, render_report

    table = _table(found, corpus=corpus, train=train)
    result = _result(found, table, corpus=corpus, train=train)
    second, comparison = None, None
    if other is not None:
        other_table = _table(other, corpus=corpus, train=train)
        second = _result(other, other_table, corpus=corpus, train=train)
        comparison = compare(other_table, table, documents=corpus.documents, train_frequency=train.frequency)
    shown = contents(
        corpus.documents,
        result=result,
        file=described(corpus) | {"path": str(corpus.path)},
        names=(other.names if other else {}) | found.names,
        analyses=found.analyses,
        other=second,
        comparison=comparison,
    )
    pictures = {CAPTIONS[name]: figure_svg(figure) for name, figure in found.pictures}
    return render_report(shown, title=f"{found.name} on {corpus.path}", pictures=pictures), asdict(result.scores)


def _table(found: Found, *, corpus: Corpus, train: TrainFacts) -> FactTable:
    return fact_table(corpus.documents, predictions=found.facts, train_facts=train.seen, unknown=found.unknown)


def _result(found: Found, table: FactTable, *, corpus: Corpus, train: TrainFacts) -> "ScoredResult":
    from atlop.report import ScoredResult

    return ScoredResult(
        name=found.name,
        predictions=found.facts,
        scores=table_scores(table),
        detailed=score_in_depth(table, corpus=corpus, train=train),
    )
