"""The share of a pair's localized context above which a sentence is evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlop.calibration.candidates import micro_f1
from atlop.calibration.thresholds import ThresholdSweep
from atlop.errors import AtlopError
from atlop.evaluation import gold_evidence
from atlop.schema import Document
from atlop.scores import DocumentScores


@dataclass(frozen=True)
class EvidenceCandidates:
    """The sentences that a pair with annotated evidence may have as evidence, of all such pairs of a corpus."""

    share: NDArray[np.float32]
    """Share of the sentence in the localized context of the pair, `[candidates]`."""
    correct: NDArray[np.bool_]
    """Whether the sentence is evidence of a gold fact of the pair, `[candidates]`."""
    gold: int
    """Number of gold sentences of all pairs, candidates or not."""

    def f1(self, threshold: float) -> float:
        """Return micro-averaged F1, from 0 to 1, of the sentences whose share is above a threshold."""
        found = self.share > threshold
        return micro_f1(int(self.correct[found].sum()), int(found.sum()), self.gold)


def collect_evidence(scored: Iterable[DocumentScores], *, documents: Sequence[Document]) -> EvidenceCandidates:
    """Collect the sentences of the pairs with annotated evidence.

    Args:
        scored: Scores of each document, in any order.
        documents: The labelled corpus.

    Raises:
        AtlopError: There is no such pair, or the model has no localized context.
    """
    shares, correct, gold = [np.zeros(0, np.float32)], [np.zeros(0, bool)], 0
    for item in scored:
        if item.evidence is None:
            raise AtlopError('the model has no evidence to choose a threshold for: pooling.context is not "localized"')
        row_of = {(subject, object_): row for row, (subject, object_) in enumerate(item.pairs.tolist())}
        for pair, sentences in gold_evidence(documents[item.index]).items():
            gold += len(sentences)
            if pair in row_of:
                shares.append(item.evidence[row_of[pair]].numpy())
                correct.append(np.isin(np.arange(len(shares[-1])), list(sentences)))
    if not gold:
        raise AtlopError("no fact has annotated evidence, so no evidence threshold can be chosen")
    return EvidenceCandidates(np.concatenate(shares), np.concatenate(correct), gold)


def evidence_threshold(candidates: EvidenceCandidates) -> float:
    """Return the threshold of the best F1; the highest if several are best."""
    return float(ThresholdSweep.from_margins(candidates.share, candidates.correct).best(gold=candidates.gold))
