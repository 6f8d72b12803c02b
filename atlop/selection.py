"""Which documents to label next: those where a model would learn most, with its facts as suggestions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlop.config import Precision
from atlop.decoding import Probability
from atlop.ensemble import load_ensemble
from atlop.errors import AtlopError
from atlop.prediction import loop_settings, with_bar
from atlop.schema import THRESHOLD_CLASS, Document, Fact
from atlop.scores import DecisionRule, DocumentScores

DOCUMENTS_AT_ONCE = 256
"""Documents whose scores are in memory."""
_LOGISTIC = Probability(slope=1.0, intercept=0.0)
"""Probability of a margin above its threshold, where none was fitted."""


@dataclass(frozen=True)
class SelectedDocument:
    """A document to label."""

    index: int
    """Index in the documents to choose from."""
    document: Document
    """The document, with the model's facts in place of its own."""
    expected_errors: float
    """Expected number of wrong decisions among its pairs."""


def select_documents(
    model: str | Path,
    documents: Sequence[Document],
    *,
    count: int,
    precision: Precision = "auto",
    device: str | None = None,
    show_progress: bool = False,
) -> list[SelectedDocument]:
    """Choose the documents that a model would learn most from; `choose_documents` says by what.

    Args:
        model: Run folder, model folder or Hugging Face name.
        documents: Documents with entities; labels are not looked at.
        count: Number of documents to choose.
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw a progress bar.

    Returns:
        The documents in the order of their choice, the most valuable first.

    Raises:
        AtlopError: The model cannot be loaded, there are fewer documents than `count`, or a score is not finite.
    """
    if not 1 <= count <= len(documents):
        raise AtlopError(f"--count {count:,}: there are {len(documents):,} documents; expected a number from 1 to that")
    ensemble, loop = load_ensemble(model), loop_settings(precision, device=device)
    errors = np.zeros((len(documents), len(ensemble.rule.vocabulary.relations)))
    facts: list[tuple[Fact, ...]] = []
    starts = range(0, len(documents), DOCUMENTS_AT_ONCE)
    chunks = [list(documents[first : first + DOCUMENTS_AT_ONCE]) for first in starts]
    for chunk in with_bar(chunks, name="scoring", is_shown=show_progress and loop["accelerator"].is_main_process):
        for scored in ensemble.score(chunk, accelerator=loop["accelerator"]):
            errors[len(facts)] = expected_errors(scored, rule=ensemble.rule)
            facts.append(ensemble.rule.facts(scored))
    words = list(map(_content, documents))
    return [
        SelectedDocument(index, replace(documents[index], facts=facts[index]), float(errors[index].sum()))
        for index in choose_documents(errors, words=words, count=count)
    ]


def expected_errors(scored: DocumentScores, *, rule: DecisionRule) -> NDArray[np.float64]:
    """Return the expected number of wrong decisions on each relation in a document, `[relations]`.

    Of a relation that holds with probability p, the decision is wrong with the smaller of p and 1 − p. Probabilities
    are those stored with the model, or else the logistic function of how far a margin is above its threshold.
    """
    margins = rule.objective.margins(scored.scores).numpy()[:, THRESHOLD_CLASS + 1 :]
    probability = rule.decision.probabilities(margins)
    if probability is None:
        thresholds = rule.decision.thresholds(rule.vocabulary)
        probability = _LOGISTIC.at(margins if thresholds is None else margins - thresholds[THRESHOLD_CLASS + 1 :])
    errors: NDArray[np.float64] = np.minimum(probability, 1 - probability).sum(axis=0)
    return errors


def choose_documents(errors: NDArray[np.float64], *, words: Sequence[frozenset[str]], count: int) -> list[int]:
    """Choose documents one after the other, each by what it adds to those before.

    The value of a set is the sum over relations of the square root of its expected errors, so that another error in a
    relation with many adds little. What a document adds counts by one less the largest share of words that it has in
    common with one that is chosen.

    Args:
        errors: Expected number of wrong decisions of each document and relation, `[documents, relations]`.
        words: The words of each document.
        count: Number of documents to choose, at most all.

    Returns:
        Indices of documents in the order of their choice; of equal ones, the first.
    """
    chosen: list[int] = []
    covered, novelty = np.zeros(errors.shape[1]), np.ones(len(errors))
    for _ in range(count):
        gain = novelty * (np.sqrt(covered + errors) - np.sqrt(covered)).sum(axis=1)
        gain[chosen] = -1.0
        chosen.append(index := int(gain.argmax()))
        covered += errors[index]
        novelty = np.minimum(novelty, [1 - _overlap(words[index], other) for other in words])
    return chosen


def _content(document: Document) -> frozenset[str]:
    """Return the words of a document, in lower case and without punctuation."""
    return frozenset(word.lower() for sentence in document.sentences for word in sentence if word.isalnum())


def _overlap(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of the words of two documents that both have (Jaccard 1912)."""
    return len(first & second) / max(1, len(first | second))
