"""Margins gathered document by document are those of a slow loop over every pair and class."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from atlop.calibration import Candidates, collect_candidates
from atlop.objectives import AdaptiveThresholding
from atlop.report import MarginCounter, MarginHistogram, precision_recall
from atlop.schema import RelationVocabulary
from atlop.scores import DecisionRule, DocumentScores
from tests.made_documents import document

PAIRS = np.array([[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]], dtype=np.int32)
LABELS = [[0, 1], [0, 3], [4, 2]]
"""Row in `PAIRS` and class of each fact that can be found."""
FACTS = [(0, 1, "P1"), (0, 1, "P3"), (1, 2, "P2"), (1, 1, "P1"), (2, 1, "P9")]
"""The same, a fact from an entity to itself, and one of an unknown relation."""
VOCABULARY = RelationVocabulary(tuple(f"P{number}" for number in range(1, 6)), {})
GENERATOR = torch.Generator().manual_seed(3)
SCORES = [torch.randn(len(PAIRS), 6, generator=GENERATOR) for _ in range(3)]
DOCUMENT = document("a b c", entities=[[(0, 0, 1)], [(0, 1, 2)], [(0, 2, 3)]], facts=FACTS)


def collected(scores: Sequence[torch.Tensor], *, max_relations: int = 4) -> tuple[MarginHistogram, Candidates]:
    rule = DecisionRule(AdaptiveThresholding(), vocabulary=VOCABULARY, max_relations=max_relations)
    documents = [DOCUMENT] * len(scores)
    counter = MarginCounter(documents, rule=rule)
    scored = (DocumentScores(index, PAIRS, each) for index, each in enumerate(scores))
    candidates = collect_candidates(counter.watch(scored), documents=documents, rule=rule)
    return counter.result(), candidates


def test_the_histogram_counts_every_relation_of_every_pair_once() -> None:
    margins, _ = collected(SCORES)

    positives: list[float] = []
    negatives: list[float] = []
    for scores in SCORES:
        for row in range(len(PAIRS)):
            for relation in range(1, 6):
                margin = float(scores[row, relation] - scores[row, 0])
                (positives if [row, relation] in LABELS else negatives).append(margin)
    for found, expected in ((margins.positives, positives), (margins.negatives, negatives)):
        assert found.sum() == len(expected)
        assert found.tolist() == np.histogram(expected, bins=margins.edges)[0].tolist()


@pytest.mark.parametrize("max_relations", [1, 2, 4, 99])
def test_at_threshold_0_precision_and_recall_are_those_of_the_decisions(max_relations: int) -> None:
    _, candidates = collected(SCORES, max_relations=max_relations)
    decided = [AdaptiveThresholding().decide(scores, max_relations=max_relations) for scores in SCORES]
    correct = sum(int(sum(each[row, class_id] for row, class_id in LABELS)) for each in decided)
    taken = sum(int(each.sum()) for each in decided)

    thresholds, precision, recall = precision_recall(candidates)

    above = thresholds > 0
    assert taken == (candidates.margin > 0).sum()
    if taken:
        assert precision[above][-1] == pytest.approx(correct / taken)
        assert recall[above][-1] == pytest.approx(correct / 15)


def test_every_threshold_gives_what_it_would_choose() -> None:
    _, candidates = collected(SCORES)

    thresholds, precision, recall = precision_recall(candidates)

    assert (np.diff(thresholds) < 0).all()
    for threshold, one, other in zip(thresholds, precision, recall, strict=True):
        taken = candidates.margin >= np.float32(threshold)
        assert one == pytest.approx(candidates.correct[taken].mean())
        assert other == pytest.approx(candidates.correct[taken].sum() / 15)


def test_equal_margins_are_one_threshold() -> None:
    _, candidates = collected([torch.zeros(len(PAIRS), 6)])

    thresholds, precision, _ = precision_recall(candidates)

    assert thresholds.tolist() == [0.0]
    assert precision.tolist() == [3 / 30]


def test_an_undirected_pair_counts_once() -> None:
    undirected = replace(DOCUMENT, directed=False)
    rule = DecisionRule(AdaptiveThresholding(), vocabulary=VOCABULARY, max_relations=4)
    counter = MarginCounter([undirected], rule=rule)

    passed = list(counter.watch([DocumentScores(0, PAIRS[::2], SCORES[0][::2])]))

    assert [each.index for each in passed] == [0]
    assert counter.result().positives.sum() == 3
    assert counter.result().negatives.sum() == 3 * 5 - 3


def test_nothing_scored_gives_nothing() -> None:
    margins, candidates = collected([])

    assert [len(each) for each in precision_recall(candidates)] == [0, 0, 0]
    assert margins.positives.sum() == margins.negatives.sum() == 0
