"""What a report notes of a model is what the model says."""

import numpy as np
import pytest
import torch

from atlop.decoding import PLAIN
from atlop.device import accelerator_for
from atlop.model_folder import preprocessor_for
from atlop.prediction import score_batches
from atlop.report import AnalysisCollector, DocumentAnalysis
from atlop.schema import Fact
from atlop.scores import DecisionRule
from tests.golden_values import golden_documents, golden_model, golden_tokenizer, score

SHOWN = 2
"""Documents of the golden ones that are read here."""


@pytest.fixture(scope="module")
def analyses() -> tuple[list[DocumentAnalysis], list[torch.Tensor]]:
    """What is noted of the first golden documents, and their scores, computed apart."""
    model, tokenizer = golden_model("bert"), golden_tokenizer("bert")
    documents = golden_documents()[:SHOWN]
    preprocessor = preprocessor_for(model, tokenizer)
    features = list(preprocessor.preprocess(documents))
    collector = AnalysisCollector(
        documents,
        rule=DecisionRule.from_model(model, decision=PLAIN),
        preprocessor=preprocessor,
        others=[[Fact(1, 0, "no relation of the model")], [Fact(0, 1, model.config.vocabulary.relations[0])]],
    )
    scored = score_batches(model, [features[::-1]], accelerator=accelerator_for("float32"), keep_attention=True)
    assert all(each.attention is None for each in collector.watch(scored))
    with torch.no_grad():
        scores = [score(model, model.collate([each])) for each in features]
    return collector.result(), scores


def test_the_facts_are_those_that_the_rule_decides(analyses: tuple[list[DocumentAnalysis], list[torch.Tensor]]) -> None:
    for analysis, scores in zip(*analyses, strict=True):
        above = (scores[:, 1:] > scores[:, :1]).sum(dim=1).clamp(max=4)
        assert len(analysis.facts) == int(above.sum())


def test_margins_and_scores_are_those_of_the_pair(analyses: tuple[list[DocumentAnalysis], list[torch.Tensor]]) -> None:
    vocabulary = golden_model("bert").config.vocabulary
    for index, (analysis, scores) in enumerate(zip(*analyses, strict=True)):
        entities = len(golden_documents()[index].entities)
        for (subject, object_, relation), margin in analysis.margins.items():
            row = scores[subject * (entities - 1) + object_ - (object_ > subject)]
            class_id = vocabulary.class_of(relation)
            pair = analysis.pairs[subject, object_]
            assert margin == pytest.approx(float(row[class_id] - row[0]), abs=1e-4)
            assert pair.threshold == pytest.approx(float(row[0]), abs=1e-4)
            assert pair.relations[relation] == pytest.approx(float(row[class_id]), abs=1e-4)
            assert list(pair.relations.values()) == sorted(pair.relations.values(), reverse=True)
            assert max(pair.relations.values()) == pytest.approx(float(row[1:].max()), abs=1e-4)


def test_every_shown_fact_has_its_pair_and_one_of_an_unknown_relation_no_margin(
    analyses: tuple[list[DocumentAnalysis], list[torch.Tensor]],
) -> None:
    for document, analysis in zip(golden_documents(), analyses[0], strict=False):
        assert {fact.key[:2] for fact in (*(document.facts or ()), *analysis.facts)} <= set(analysis.pairs)
    first, second = analyses[0]
    assert (1, 0) in first.pairs
    assert (1, 0, "no relation of the model") not in first.margins
    assert (0, 1) in second.pairs


def test_words_are_weighed_once_for_both_directions(
    analyses: tuple[list[DocumentAnalysis], list[torch.Tensor]],
) -> None:
    for document, analysis in zip(golden_documents(), analyses[0], strict=False):
        assert set(analysis.weights) == {(min(pair), max(pair)) for pair in analysis.pairs}
        for weights in analysis.weights.values():
            assert weights.shape == (document.words,)
            assert 0 < weights.sum() <= 1 + 1e-6
            assert np.all(weights >= 0)
