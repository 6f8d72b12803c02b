"""The page of a run: what a model or a submission finds in labelled documents."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from matplotlib.figure import Figure

from atlop import __version__
from atlop.config import Precision
from atlop.corpora import Corpus, TrainFacts
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, load_ensemble
from atlop.evaluation import OfficialScores, PairEvidence
from atlop.fusion import with_logged_cost
from atlop.prediction import loop_settings, make_batches, score_batches, with_bar
from atlop.report.about import about_model, day
from atlop.report.analysis import AnalysisCollector, DocumentAnalysis
from atlop.report.contents import ScoredResult, contents
from atlop.report.drawing import figure_svg
from atlop.report.pictures import draw_decisions, draw_training, experiment_pictures
from atlop.report.rendering import render_report
from atlop.schema import Fact
from atlop.scoring import compare_evaluations, score_facts
from atlop.submission import read_submission

CAPTIONS = {
    "learning": "Training: loss, and scores on the development file after each evaluation",
    "precision_recall": "Precision against recall as the threshold moves, with the model's own decisions marked",
    "margins": "How far relations that hold, and relations that do not, are above the threshold",
    "relations": "F1 of each relation by the number of its train facts",
}
"""Caption of each picture, by the name that `atlop plot` gives it."""


@dataclass(frozen=True)
class _Found:
    """The facts of a model or a submission in a corpus."""

    name: str
    facts: Sequence[Collection[Fact]]
    about: Mapping[str, str] = field(default_factory=dict)
    """What is known about the model, by label."""
    pair_evidence: Sequence[PairEvidence] | None = None
    """Evidence of the pairs of each document that have a gold fact; `None` if it is unknown."""
    unknown: int = 0
    """Facts under titles that the corpus does not have."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Readable names of relations."""
    negative: str | None = None
    """Label of a pair without a relation, as the model knows it."""
    analyses: Sequence[DocumentAnalysis] | None = None
    """What a model says about each document."""
    pictures: Mapping[str, Figure] = field(default_factory=dict)


def make_report(
    source: str,
    *,
    corpus: Corpus,
    train: TrainFacts,
    against: str | None = None,
    precision: Precision = "auto",
    device: str | None = None,
    show_progress: bool = False,
) -> tuple[str, OfficialScores]:
    """Make the page of a run, a model or a submission.

    Args:
        source: Run folder, model folder or Hugging Face name, or the file of a submission.
        corpus: Labelled documents.
        train: Facts of the train file.
        against: A second run, model or submission, to compare.
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`; by default a GPU where there is one.
        show_progress: Whether to draw progress bars.

    Returns:
        HTML, and the scores of `source`.

    Raises:
        AtlopError: A file cannot be read, a model cannot be loaded or gives scores that are not finite, or there is
            no such device.
    """
    settings: dict[str, Any] = {
        "precision": precision,
        "device": device,
        "show_progress": show_progress,
    }
    other = None if against is None else _predict(against, corpus=corpus, **settings)
    if Path(source).is_file():
        found = _predict(source, corpus=corpus)
    else:
        found = _read_closely(source, corpus=corpus, train=train, other=other, **settings)
    shown_results = [found] if other is None else [found, other]
    for each in shown_results:
        corpus = corpus.without_negatives(each.negative)
    page = {
        "Documents": f"{corpus.path}, {len(corpus.documents):,} documents",
        "Page": f"made on {day(datetime.now(UTC))} with atlop {__version__}",
    }
    evaluations, results = [], []
    for each in shown_results:
        scored = score_facts(
            each.facts, corpus=corpus, train=train, unknown=each.unknown, pair_evidence=each.pair_evidence
        )
        evaluations.append(scored)
        about = {**each.about, **page}
        results.append(ScoredResult(each.name, each.facts, scored.scores, scored.detailed(), about))
    comparison = None
    if other is not None:
        second, first = evaluations
        comparison = compare_evaluations(first, second)
    shown = contents(
        corpus.documents,
        result=results[0],
        file=corpus.summary() | {"path": str(corpus.path)},
        names={**(other.names if other else {}), **found.names},
        analyses=found.analyses,
        other=None if other is None else results[1],
        comparison=comparison,
    )
    pictures = {CAPTIONS[name]: figure_svg(figure) for name, figure in found.pictures.items()}
    pictures |= {f"Experiment {name}": svg for name, svg in experiment_pictures(Path(source)).items()}
    return render_report(shown, title=f"{found.name} on {corpus.path}", pictures=pictures), evaluations[0].scores


def _predict(source: str, *, corpus: Corpus, **settings: Any) -> _Found:
    """Return the facts of a submission, or those that a model finds with `loop_settings`."""
    if Path(source).is_file():
        submission = read_submission(Path(source), documents=corpus.documents)
        return _Found(source, submission.predictions, unknown=submission.unknown)
    ensemble = load_ensemble(source)
    found = ensemble.predict(corpus.documents, **loop_settings(**settings))
    vocabulary = ensemble.rule.vocabulary
    return _Found(
        source,
        found.facts,
        _about(source, ensemble),
        found.pair_evidence,
        names=vocabulary.names,
        negative=vocabulary.negative,
    )


def _read_closely(
    run: str,
    *,
    corpus: Corpus,
    train: TrainFacts,
    other: _Found | None,
    precision: Precision,
    device: str | None,
    show_progress: bool,
) -> _Found:
    """Return the facts that a model finds, with its scores, what it read, and pictures."""
    learning = draw_training([Path(run)])
    accelerator = accelerator_for(precision, device=device)
    ensemble = load_ensemble(run)
    started = monotonic()
    corpus = corpus.without_negatives(ensemble.rule.vocabulary.negative)
    [member] = ensemble.members
    collector = AnalysisCollector(
        corpus.documents,
        rule=ensemble.rule,
        preprocessor=member.preprocessor,
        others=None if other is None else other.facts,
    )
    batches = make_batches(member.preprocess(corpus.documents), device=accelerator.device)
    scored = score_batches(
        member.model.to(accelerator.device),
        with_bar(batches, name="predicting", is_shown=show_progress and accelerator.is_main_process),
        accelerator=accelerator,
        keep_attention=True,
    )
    ready = ensemble.ready(corpus.documents, scored, accelerator=accelerator)
    ready = with_logged_cost(corpus.documents, ready, started=started)
    decisions, _ = draw_decisions(collector.watch(ready), corpus=corpus, rule=ensemble.rule, train=train)
    analyses = collector.result()
    evidence = [analysis.pair_evidence for analysis in analyses if analysis.pair_evidence is not None]
    return _Found(
        run,
        [analysis.facts for analysis in analyses],
        _about(run, ensemble),
        evidence if len(evidence) == len(analyses) else None,
        names=ensemble.rule.vocabulary.names,
        negative=ensemble.rule.vocabulary.negative,
        analyses=analyses,
        pictures=learning | decisions,
    )


def _about(source: str, ensemble: Ensemble) -> dict[str, str]:
    [member] = ensemble.members
    return about_model(source, config=member.model.config, decision=ensemble.rule.decision)
