"""Scores of models and of submissions on labelled documents."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlop.config import Invalid, Precision
from atlop.corpora import Corpus, TrainFacts, read_labelled, read_train
from atlop.evaluation import (
    Comparison,
    DetailedScores,
    FactTable,
    OfficialScores,
    PairEvidence,
    detailed_scores,
    fact_table,
    table_scores,
)
from atlop.evaluation import compare as compare_tables
from atlop.schema import Fact, RelationVocabulary
from atlop.submission import Submission, read_submission

if TYPE_CHECKING:
    from atlop.ensemble import Member, Predictions  # imports torch, which submissions do not need


@dataclass(frozen=True)
class Evaluation:
    """Predicted facts scored against a labelled corpus."""

    scores: OfficialScores
    """As the leaderboard counts, from 0 to 1; Ign F1 only with a train file."""
    table: FactTable
    """Every fact, predicted or labelled."""
    corpus: Corpus
    """The labelled documents."""
    train: TrainFacts
    """Facts of the train file."""

    def detailed(self) -> DetailedScores | None:
        """Score groups of facts: each relation, within and across sentences, by mentions and by distance.

        `None` if the corpus has no gold fact.
        """
        if not self.scores.gold:
            return None
        return detailed_scores(self.table, documents=self.corpus.documents, train_frequency=self.train.frequency)


@dataclass(frozen=True)
class ModelEvaluation(Evaluation):
    """Scores of one model, or of several that decide together."""

    predictions: "Predictions"
    """The facts of each document, and what the models cannot find."""
    vocabulary: RelationVocabulary
    """The relations that the models know."""


@dataclass(frozen=True)
class SubmissionEvaluation(Evaluation):
    """Scores of a submission."""

    submission: Submission


@dataclass(frozen=True)
class SubmissionComparison:
    """Two submissions for the same documents."""

    first: SubmissionEvaluation
    second: SubmissionEvaluation
    differences: Comparison | None
    """Second minus first, by kind and label of each group of facts; `None` if the corpus has no gold fact."""


def evaluate(
    models: "str | Path | Member | Sequence[str | Path | Member]",
    file: str | Path,
    *,
    train: str | Path | None = None,
    decision: str | Path | None = None,
    precision: Precision = "auto",
    device: str | None = None,
    format: str | None = None,
    invalid: Invalid = "strict",
    show_progress: bool = False,
) -> ModelEvaluation:
    """Score a model on labelled documents.

    Example:
        >>> evaluate("runs/sample", "data/sample/dev.json", train="data/sample/train.json").scores.ign_f1

    Args:
        models: Run folder (its `best/` is used), model folder, Hugging Face name or loaded model; several decide
            together, by the mean of their margins.
        file: Labelled documents.
        train: Train file or `.fact` file, whose facts Ign F1 leaves out.
        decision: Name of one of the model's decisions, or a file of `atlop calibrate --output`; by default the stored
            one.
        precision: Number format of the matrix products; `auto` is bf16 or fp16 on a GPU, float32 on a CPU.
        device: `cpu`, `cuda` or `cuda:N`; by default a GPU where there is one.
        format: Format of the documents; by default it is recognised.
        invalid: Whether an invalid document stops the evaluation or is left out and counted.
        show_progress: Whether to draw a progress bar.

    Returns:
        The same in every process.

    Raises:
        AtlopError: A file cannot be read or has no labels, a model cannot be loaded, gives scores that are not finite
            or knows other relations than the others, there is no such decision, or there is no such device.
    """
    from atlop.ensemble import load_ensemble
    from atlop.prediction import loop_settings

    corpus = read_labelled(Path(file), format=format, invalid=invalid)
    train_facts = read_train(None if train is None else Path(train), corpus=corpus, format=format, invalid=invalid)
    loop = loop_settings(precision, device=device, show_progress=show_progress)
    ensemble = load_ensemble(models, decision=decision)
    corpus = corpus.without_negatives(ensemble.rule.vocabulary.negative)
    predictions = ensemble.predict(corpus.documents, **loop)
    scored = score_facts(predictions.facts, corpus=corpus, train=train_facts, pair_evidence=predictions.pair_evidence)
    return ModelEvaluation(**vars(scored), predictions=predictions, vocabulary=ensemble.rule.vocabulary)


def evaluate_submission(
    result: str | Path,
    file: str | Path,
    *,
    train: str | Path | None = None,
    format: str | None = None,
    invalid: Invalid = "strict",
) -> SubmissionEvaluation:
    """Score a submission (`result.json`, or its zip) on labelled documents; the other arguments are as in `evaluate`.

    Raises:
        AtlopError: A file cannot be read or has no labels.
    """
    corpus = read_labelled(Path(file), format=format, invalid=invalid)
    train_facts = read_train(None if train is None else Path(train), corpus=corpus, format=format, invalid=invalid)
    return _evaluate_submission(result, corpus=corpus, train=train_facts)


def compare(
    file: str | Path,
    first: str | Path,
    second: str | Path,
    *,
    train: str | Path | None = None,
    format: str | None = None,
    invalid: Invalid = "strict",
) -> SubmissionComparison:
    """Compare two submissions (`result.json`, or its zip) for the labelled documents of `file`.

    The other arguments are as in `evaluate`.

    Raises:
        AtlopError: A file cannot be read or has no labels.
    """
    corpus = read_labelled(Path(file), format=format, invalid=invalid)
    train_facts = read_train(None if train is None else Path(train), corpus=corpus, format=format, invalid=invalid)
    one, other = (_evaluate_submission(result, corpus=corpus, train=train_facts) for result in (first, second))
    return SubmissionComparison(one, other, compare_evaluations(one, other))


def compare_evaluations(first: Evaluation, second: Evaluation) -> Comparison | None:
    """Return the differences of two evaluations on the same corpus, or `None` if it has no gold fact."""
    if not first.scores.gold:
        return None
    return compare_tables(
        first.table, second.table, documents=first.corpus.documents, train_frequency=first.train.frequency
    )


def score_facts(
    predictions: Sequence[Collection[Fact]],
    *,
    corpus: Corpus,
    train: TrainFacts,
    unknown: int = 0,
    pair_evidence: Sequence[PairEvidence] | None = None,
) -> Evaluation:
    """Score the facts of each document against the labels of a corpus; other arguments are those of `fact_table`."""
    table = fact_table(
        corpus.documents,
        predictions=predictions,
        train_facts=train.seen,
        unknown=unknown,
        pair_evidence=pair_evidence,
    )
    return Evaluation(table_scores(table), table, corpus, train)


def _evaluate_submission(result: str | Path, *, corpus: Corpus, train: TrainFacts) -> SubmissionEvaluation:
    submission = read_submission(Path(result), documents=corpus.documents)
    scored = score_facts(submission.predictions, corpus=corpus, train=train, unknown=submission.unknown)
    return SubmissionEvaluation(**vars(scored), submission=submission)
