"""Pseudo documents are made of the evidence of pairs, and their margins fused with those of the whole document."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from atlop.calibration import choose_decision, collect_candidates
from atlop.calibration.fusion import choose_fusion
from atlop.decoding import Decision, Fusion
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member, load_ensemble
from atlop.errors import AtlopError
from atlop.fusion import LOWEST_MARGIN, MAX_PSEUDO_DOCUMENTS, pseudo_documents, with_pseudo_margins
from atlop.objectives import AdaptiveThresholding
from atlop.schema import Document, RelationVocabulary
from atlop.scores import DecisionRule, DocumentScores, UnscoredDocument
from tests.calibration.made_candidates import made_candidates
from tests.golden_values import golden_documents, golden_model, golden_tokenizer
from tests.made_documents import document

VOCABULARY = RelationVocabulary(("P17", "P27"), {})
RULE = DecisionRule(AdaptiveThresholding(), vocabulary=VOCABULARY, max_relations=2)
TEXT = document(
    *("Ada met Bob .", "Bob left .", "Rome slept .", "Ada wrote ."),
    entities=[[(0, 0, 1), (3, 0, 1)], [(0, 2, 3), (1, 0, 1)], [(2, 0, 1)]],
)
PAIRS = np.array([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)], np.int32)


def scored(evidence: Sequence[Sequence[float]], *, margins: float = 0.0) -> DocumentScores:
    scores = torch.zeros(len(PAIRS), 3)
    scores[:, 1:] = margins
    return DocumentScores(0, PAIRS, scores, evidence=torch.tensor(evidence))


def test_a_pseudo_document_has_the_evidence_and_a_mention_of_both_entities() -> None:
    shares = [[0, 0.5, 0, 0], [0, 0, 0, 0.9], [0.1] * 4, [0.1] * 4, [0.3, 0.3, 0.3, 0.3], [0, 0.5, 0, 0]]

    made = pseudo_documents(TEXT, scored(shares), rule=RULE)

    found = [([" ".join(words) for words in each.document.sentences], each.entities) for each in made]
    assert found == [
        (["Ada met Bob .", "Bob left ."], (0, 1)),  # the first mention of Ada is added
        (["Rome slept .", "Ada wrote ."], (0, 2)),
        (["Bob left .", "Rome slept ."], (1, 2)),
    ]
    assert [[m.sentence for m in entity.mentions] for entity in made[1].document.entities] == [[1], [0]]
    assert all(each.document.facts is None for each in made)


def test_pairs_without_evidence_or_a_likely_relation_make_none_and_equal_sets_one() -> None:
    assert pseudo_documents(TEXT, scored([[0.2] * 4] * 6), rule=RULE) == []  # 0.2 is not above 0.2
    assert pseudo_documents(TEXT, scored([[0.9, 0, 0, 0]] * 6, margins=LOWEST_MARGIN), rule=RULE) == []
    shares: list[list[float]] = [[0.9, 0, 0, 0], [0.0] * 4, [0.9, 0, 0, 0], *[[0.0] * 4] * 3]
    assert len(pseudo_documents(TEXT, scored(shares), rule=RULE)) == 1


@pytest.mark.parametrize("entities", [0, 1])
def test_documents_without_pairs_make_none(entities: int) -> None:
    lonely = replace(TEXT, entities=TEXT.entities[:entities])
    empty = DocumentScores(0, PAIRS[:0], torch.zeros(0, 3), evidence=torch.zeros(0, 4))
    assert pseudo_documents(lonely, empty, rule=RULE) == []


def made_scores(documents: Sequence[Document]) -> Iterator[DocumentScores]:
    """Score each pair by the words of its document and the names of its entities, the last document first."""
    for index in reversed(range(len(documents))):
        each = documents[index]
        names = [entity.name for entity in each.entities]
        pairs = [(s, o) for s in range(len(names)) for o in range(len(names)) if s != o]
        rows: list[Tensor] = []
        for subject, object_ in pairs:
            seed = each.words * 1000 + ord(names[subject][0]) * 7 + ord(names[object_][0])
            generator = torch.Generator().manual_seed(seed)
            rows.append(torch.randn(3, generator=generator))
        scores = torch.stack(rows) if rows else torch.zeros(0, 3)
        evidence = torch.rand(len(pairs), len(each.sentences), generator=torch.Generator().manual_seed(each.words))
        yield DocumentScores(index, np.array(pairs, np.int32).reshape(-1, 2), scores, evidence=evidence)


def test_the_margin_of_pseudo_documents_is_the_largest_of_those_that_have_both_entities() -> None:
    whole = next(made_scores([TEXT]))
    shares = [[0, 0.5, 0, 0], [0, 0, 0, 0.9], *[[0.1] * 4] * 4]
    whole = replace(whole, evidence=torch.tensor(shares))

    [found] = with_pseudo_margins([TEXT], [whole], score=made_scores, rule=RULE)

    expected: dict[tuple[int, int], Tensor] = {}
    for pseudo in pseudo_documents(TEXT, whole, rule=RULE):
        part = next(made_scores([pseudo.document]))
        for (subject, object_), scores in zip(part.pairs.tolist(), part.scores, strict=True):
            pair = pseudo.entities[subject], pseudo.entities[object_]
            margins = scores - scores[0]
            expected[pair] = torch.maximum(expected[pair], margins) if pair in expected else margins
    assert found.pseudo_margins is not None
    for pair, margins in zip(map(tuple, whole.pairs.tolist()), found.pseudo_margins, strict=True):
        assert margins[0] == -torch.inf
        assert margins[1:].tolist() == (expected[pair][1:].tolist() if pair in expected else [-torch.inf] * 2)
    assert 0 < len(expected) < len(whole.pairs)


def test_a_pseudo_document_that_cannot_be_scored_is_told_of_the_whole_document() -> None:
    whole = replace(next(made_scores([TEXT])), index=1, evidence=torch.tensor([[0, 0.5, 0, 0]] * 6))
    documents = [TEXT, TEXT]

    def score(documents: Sequence[Document]) -> Iterator[UnscoredDocument]:
        yield UnscoredDocument(0, documents[0].title, "not enough memory")

    with pytest.raises(AtlopError, match=r'^document 1 \(".*"\): in a pseudo document, not enough memory'):
        list(with_pseudo_margins(documents, [whole], score=score, rule=RULE))


def test_many_entities_make_no_more_pseudo_documents_than_the_limit() -> None:
    words = [f"E{number} sat ." for number in range(200)]
    large = document(*words, entities=[[(number, 0, 1)] for number in range(200)])
    pairs = np.array([(s, o) for s in range(200) for o in range(200) if s != o], np.int32)
    generator = torch.Generator().manual_seed(1)
    evidence = (torch.rand(len(pairs), 200, generator=generator) < 0.01).float()
    made = pseudo_documents(large, DocumentScores(0, pairs, torch.zeros(len(pairs), 3), evidence=evidence), rule=RULE)
    assert len(made) == MAX_PSEUDO_DOCUMENTS


@pytest.mark.parametrize("names", [["bert"], ["bert", "roberta"]])
def test_without_weight_fusion_is_the_offset_alone(names: list[str]) -> None:
    ensemble = Ensemble.from_members([Member(golden_model(name), golden_tokenizer(name)) for name in names])
    accelerator, fusion = accelerator_for("float32"), Fusion(weight=0.0, missing=0.0, threshold=0.25)

    found = [
        ensemble.with_decision(decision).predict(golden_documents(), accelerator=accelerator).facts
        for decision in (Decision(use="offset", offset=0.25), Decision(use="fusion", fusion=fusion))
    ]

    assert found[0] == found[1]
    assert sum(map(len, found[0]))


@pytest.mark.parametrize("max_relations", [1, 4])
def test_predicted_facts_are_the_accepted_candidates(max_relations: int) -> None:
    ensemble = Ensemble.from_members([Member(golden_model("bert"), golden_tokenizer("bert"))])
    accelerator, low = accelerator_for("float32"), 0.1  # the shares of an untrained model are even
    ensemble = ensemble.with_decision(Decision(use="plain", evidence_threshold=low))
    ensemble = replace(ensemble, rule=replace(ensemble.rule, max_relations=max_relations))
    scored = ensemble.score(golden_documents(), accelerator=accelerator)
    completed = ensemble.with_pseudo_margins(golden_documents(), scored, accelerator=accelerator)
    candidates = collect_candidates(completed, documents=golden_documents(), rule=ensemble.rule)
    assert candidates.pseudo_margin is not None
    assert np.isfinite(candidates.pseudo_margin).any()
    fusion = Fusion(weight=0.5, missing=0.25, threshold=0.5)
    decision = Decision(use="fusion", fusion=fusion, evidence_threshold=low)

    found = ensemble.with_decision(decision).predict(golden_documents(), accelerator=accelerator)

    expected = [{fact.key for fact in facts} for facts in candidates.facts(candidates.accepted(decision))]
    assert [{fact.key for fact in facts} for facts in found.facts] == expected
    assert any(fact.evidence for facts in found.facts for fact in facts)  # that of the whole document


@pytest.fixture(scope="module")
def sample() -> Ensemble:
    return load_ensemble("sample")


@pytest.fixture
def small_and_large() -> list[Document]:
    """Documents of one sentence, without entities, with one, and with 200 of them."""
    large = ["Mary married Bob ."] * 100
    return [
        document("Ada met Bob .", entities=[[(0, 0, 1)], [(0, 2, 3)]]),
        document("It rained .", "It stopped .", entities=[]),
        document("Ada left .", "It rained .", entities=[[(0, 0, 1)]]),
        document(*large, entities=[[(n, word, word + 1)] for n in range(100) for word in (0, 2)]),
    ]


def test_documents_of_any_size_are_fused(
    sample: Ensemble, small_and_large: list[Document], caplog: pytest.LogCaptureFixture
) -> None:
    fusion = Fusion(weight=0.5, missing=0.75, threshold=0.25)
    accelerator = accelerator_for("float32")
    low = 0.05  # a share that some of a hundred sentences exceed
    fused, offset = (
        sample.with_decision(decision)
        for decision in (
            Decision(use="fusion", fusion=fusion, evidence_threshold=low),
            Decision(use="offset", offset=-0.5, evidence_threshold=low),
        )
    )

    with caplog.at_level(logging.INFO, logger="atlop"):
        found = fused.predict(small_and_large, accelerator=accelerator).facts

    expected = offset.predict(small_and_large[:3], accelerator=accelerator).facts
    assert found[:3] == expected  # what makes no pseudo document has m¹ + b
    assert found[1:3] == [(), ()]
    assert found[3]
    scored = offset.score(small_and_large, accelerator=accelerator)
    completed = list(offset.with_pseudo_margins(small_and_large, scored, accelerator=accelerator))
    read = [each.pseudo_words for each in completed]
    assert read[:3] == [(), (), ()]
    assert 0 < len(read[3]) <= MAX_PSEUDO_DOCUMENTS
    [line] = [record.message for record in caplog.records if record.name == "atlop.fusion"]
    words = sum(each.words for each in small_and_large)
    factor = 1 + sum(read[3]) / words
    assert re.fullmatch(
        rf"fusion: 4 documents, [\d.]+ documents/s; {len(read[3]) / 4:.1f} pseudo documents a document; "
        rf"{factor:.1f} times the words of the documents alone",
        line,
    )


def test_without_fusion_no_cost_is_logged(sample: Ensemble, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="atlop"):
        sample.predict([TEXT], accelerator=accelerator_for("float32"))
    assert not [record for record in caplog.records if record.name == "atlop.fusion"]


def test_the_chosen_fusion_is_at_least_as_good_as_the_offset_and_ignores_what_says_nothing() -> None:
    candidates = made_candidates(seed=4, size=200)
    generator = np.random.default_rng(1)
    helpful = np.where(candidates.correct, 2, -2) + generator.normal(size=200)
    helpful[::5] = -np.inf
    with_pseudo = replace(candidates, pseudo_margin=helpful.astype(np.float32))

    found = choose_decision(with_pseudo, use="fusion")

    assert found.decision.fusion is not None
    assert found.decision.fusion.weight > 0
    assert found.decision.fusion.probability is not None
    assert found.scores["fusion"].f1 > found.scores["offset"].f1
    gain = found.scores["fusion"].gain
    assert gain is not None
    assert gain.value == pytest.approx(
        found.scores["fusion"].cross_validated_f1 - found.scores["offset"].cross_validated_f1
    )
    nothing = replace(candidates, pseudo_margin=np.full(200, -np.inf, np.float32))
    fusion = choose_fusion(nothing)
    assert (fusion.weight, fusion.missing) == (0, 0)


def test_a_model_without_evidence_cannot_be_fused() -> None:
    with pytest.raises(AtlopError, match="the model has no evidence to make pseudo documents of"):
        pseudo_documents(TEXT, DocumentScores(0, PAIRS, torch.zeros(len(PAIRS), 3)), rule=RULE)
    with pytest.raises(AtlopError, match="the candidates have no margins of pseudo documents"):
        choose_fusion(made_candidates(seed=4))


def test_listed_pairs_stay_those_of_the_document() -> None:
    listed = replace(TEXT, pairs=((0, 1), (2, 0)), directed=False)
    pairs = np.array(listed.pairs, np.int32)
    evidence = torch.tensor([[0.9, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.9]])
    whole = DocumentScores(0, pairs, torch.zeros(2, 3), evidence=evidence)

    made = pseudo_documents(listed, whole, rule=RULE)

    assert [(each.document.pairs, each.entities) for each in made] == [(((0, 1),), (0, 1)), (((1, 0),), (0, 2))]

    def score(documents: Sequence[Document]) -> Iterator[DocumentScores]:
        for index, each in enumerate(documents):
            yield DocumentScores(index, np.array(each.pairs, np.int32), torch.tensor([[0.0, 1.0 + index, -1.0]]))

    [found] = with_pseudo_margins([listed], [whole], score=score, rule=RULE)
    assert found.pseudo_margins is not None
    assert found.pseudo_margins[:, 1:].tolist() == [[1.0, -1.0], [2.0, -1.0]]
