"""Candidates are the relations that a decision could find, with their gold labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from atlop.calibration import Candidates, collect_candidates
from atlop.errors import AtlopError
from atlop.objectives import AdaptiveThresholding
from atlop.schema import Document, RelationVocabulary
from atlop.scores import DecisionRule, DocumentScores
from tests.made_documents import document

VOCABULARY = RelationVocabulary(relations=("P1", "P2", "P3"), names={})
RULE = DecisionRule(AdaptiveThresholding(), vocabulary=VOCABULARY, max_relations=2)


def labelled(facts: Sequence[tuple[int, int, str]] | None) -> Document:
    return document("Ann met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=facts)


def scored(*rows: list[float], index: int = 0) -> DocumentScores:
    pairs = np.array([[0, 1], [1, 0]], dtype=np.int32)
    return DocumentScores(index=index, pairs=pairs, scores=torch.tensor(rows))


def test_the_largest_relations_of_each_pair_are_candidates_whatever_th_scores() -> None:
    scores = scored([9.0, 1.0, 3.0, 2.0], [0.0, 5.0, 4.0, 6.0])
    found = collect_candidates([scores], documents=[labelled([(0, 1, "P2"), (1, 0, "P2")])], rule=RULE)
    rows = zip(found.subject, found.object, found.class_id, found.margin, found.correct, strict=True)
    assert [tuple(map(float, row)) for row in rows] == [
        (0, 1, 2, -6.0, True),
        (0, 1, 3, -7.0, False),
        (1, 0, 1, 5.0, False),
        (1, 0, 3, 6.0, False),
    ]
    assert found.gold.tolist() == [2]  # one is not a candidate


def test_documents_come_in_their_order_and_may_have_no_pairs() -> None:
    empty = DocumentScores(index=1, pairs=np.zeros((0, 2), dtype=np.int32), scores=torch.zeros(0, 4))
    scores = [empty, scored([0.0, 1.0, 3.0, 2.0], [0.0, 5.0, 4.0, 6.0], index=0)]
    found = collect_candidates(scores, documents=[labelled([]), labelled([(0, 1, "P1")])], rule=RULE)
    assert found.document.tolist() == [0, 0, 0, 0]
    assert found.gold.tolist() == [0, 1]


def test_a_fact_of_a_relation_that_the_model_does_not_know_counts_as_missed() -> None:
    scores = scored([0.0, 1.0, 3.0, 2.0], [0.0, 5.0, 4.0, 6.0])
    found = collect_candidates([scores], documents=[labelled([(0, 1, "P99")])], rule=RULE)
    assert not found.correct.any()
    assert found.gold.tolist() == [1]


def test_a_document_without_labels_is_refused() -> None:
    with pytest.raises(AtlopError, match="has no labels to calibrate with"):
        collect_candidates([scored([0.0] * 4, [0.0] * 4)], documents=[labelled(None)], rule=RULE)


def test_facts_have_the_evidence_of_their_pair_and_keep_it_in_a_file(tmp_path: Path) -> None:
    shares = torch.tensor([[0.3, 0.2, 0.5], [0.1, 0.1, 0.1]])  # 0.2 is not above 0.2
    scores = [replace(scored([0.0, 1.0, -1.0, -2.0], [0.0, 1.0, 2.0, -1.0], index=n), evidence=shares) for n in (0, 1)]
    made = collect_candidates(scores, documents=[labelled([]), labelled([])], rule=RULE)
    made.save(tmp_path / "made.safetensors")

    found = Candidates.load(tmp_path / "made.safetensors")

    assert found.pair_evidence() == [{(0, 1): [0, 2]}] * 2
    first, *_ = found.facts(found.margin > 0)
    assert [(fact.subject, fact.relation, fact.evidence) for fact in first] == [
        (0, "P1", (0, 2)),
        (1, "P1", ()),
        (1, "P2", ()),
    ]
    without = collect_candidates(
        [replace(each, evidence=None) for each in scores], documents=[labelled([])] * 2, rule=RULE
    )
    assert without.evidence is None
    assert {fact.evidence for facts in without.facts(without.margin > 0) for fact in facts} == {()}


def test_no_documents_give_no_candidates() -> None:
    found = collect_candidates([], documents=[], rule=RULE)
    assert len(found.margin) == len(found.gold) == 0
