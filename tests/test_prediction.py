"""A model and documents become scores and facts, whatever the batches."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from atlop import prediction, scores
from atlop.decoding import decoded_facts
from atlop.device import accelerator_for
from atlop.errors import AtlopError
from atlop.evaluation import official_scores
from atlop.model import AtlopModel
from atlop.model.atlop import Pooled
from atlop.ops import limits_for
from atlop.prediction import (
    is_out_of_memory,
    make_batches,
    predict_facts,
    score_batches,
    score_documents,
    try_batches,
    with_bar,
)
from atlop.preprocessing import Batch, Features, Preprocessor
from atlop.schema import Fact
from atlop.scores import UnscoredDocument
from tests.golden_values import (
    golden_batch,
    golden_documents,
    golden_model,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
    objective_in,
    score,
)
from tests.made_documents import document


@pytest.fixture
def accelerator() -> Accelerator:
    return accelerator_for("float32")


@pytest.fixture(scope="module")
def model() -> AtlopModel:
    return golden_model("bert")


def facts_one_by_one(model: AtlopModel) -> list[tuple[Fact, ...]]:
    """The slow way: every document on its own, in the order of the corpus."""
    found = []
    for index, features in enumerate(golden_preprocessed("bert")):
        with torch.no_grad():
            outputs = model(golden_batch("bert", [index]))
        decided = objective_in(model).decide(outputs.scores, max_relations=4).numpy()
        evidence = (outputs.evidence > 0.2).numpy()
        vocabulary = golden_vocabulary()
        found.append(decoded_facts(decided, pairs=features.pairs, vocabulary=vocabulary, evidence=evidence))
    return found


@pytest.fixture
def limit_batches(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def limit(tokens: int) -> None:
        monkeypatch.setattr(prediction, "limits_for", lambda device: replace(limits_for(device), batch_tokens=tokens))

    return limit


@pytest.mark.parametrize("tokens", [1, 100, 300, 10**6])
def test_the_order_of_the_corpus_is_kept_whatever_the_size_of_batches(
    tokens: int, model: AtlopModel, accelerator: Accelerator, limit_batches: Callable[[int], None]
) -> None:
    limit_batches(tokens)
    documents = golden_preprocessed("bert")
    lengths = [len(document.input_ids) for document in documents]
    assert lengths != sorted(lengths)  # or the order would be that of the batches
    found = predict_facts(model, documents, accelerator=accelerator)
    assert found == facts_one_by_one(model)


def test_every_document_is_scored_once(model: AtlopModel, accelerator: Accelerator) -> None:
    documents = golden_preprocessed("bert")
    scored = list(score_documents(model, documents, accelerator=accelerator))
    assert sorted(item.index for item in scored) == list(range(8))
    for item in scored:
        assert item.scores.shape == (len(documents[item.index].pairs), 7)
        assert item.scores.dtype == torch.float32
        assert item.pairs.tolist() == documents[item.index].pairs.tolist()
        with torch.no_grad():
            alone = score(model, golden_batch("bert", [item.index]))
        torch.testing.assert_close(item.scores, alone, atol=1e-5, rtol=0)


def test_a_model_that_predicts_nothing_scores_zero(accelerator: Accelerator) -> None:
    model = golden_model("bert")
    with torch.no_grad():
        model.classifier.bilinear.bias[0] = 1e3
    found = predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator)
    assert found == [()] * 8
    assert official_scores(golden_documents(), predictions=found, train_facts=None).f1 == 0


def test_no_document_at_all_gives_no_facts(model: AtlopModel, accelerator: Accelerator) -> None:
    assert predict_facts(model, [], accelerator=accelerator) == []


def test_damaged_weights_stop_the_prediction_and_name_the_document(accelerator: Accelerator) -> None:
    model = golden_model("bert")
    with torch.no_grad():
        model.classifier.bilinear.bias[3] = torch.nan
    with pytest.raises(AtlopError, match=r'document \d+ \("[^"]+"\).*not finite.*try float32'):
        predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator)


def test_documents_without_pairs_have_no_facts(
    model: AtlopModel, accelerator: Accelerator, limit_batches: Callable[[int], None]
) -> None:
    made = [
        document("the archive", entities=[[(0, 1, 2)]]),
        document("the spring", entities=[]),
        document("the archive", entities=[[(0, 0, 1)], [(0, 1, 2)]]),
    ]
    documents = list(Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary()).preprocess(made))
    for tokens in (1, 10**6):
        limit_batches(tokens)
        found = predict_facts(model, documents, accelerator=accelerator)
        assert found[:2] == [(), ()]
        assert len(found) == 3
    alone = predict_facts(model, documents[:1], accelerator=accelerator)
    assert alone == [()]


def test_most_relations_of_a_pair_are_those_of_the_model(accelerator: Accelerator) -> None:
    model = golden_model("bert")
    assert model.config.sections is not None
    model.config.sections["objective"]["max_relations"] = 1
    one = predict_facts(model, golden_preprocessed("bert")[:2], accelerator=accelerator)
    for facts in one:
        pairs = [(fact.subject, fact.object) for fact in facts]
        assert len(pairs) == len(set(pairs)) > 0


def test_batches_have_documents_of_similar_length_and_the_longest_comes_first(
    limit_batches: Callable[[int], None],
) -> None:
    limit_batches(150)
    batches = make_batches(golden_preprocessed("bert"), device=torch.device("cpu"))
    lengths = [[len(document.input_ids) for document in batch] for batch in batches]
    flat = [length for batch in lengths for length in batch]
    assert flat == sorted((len(document.input_ids) for document in golden_preprocessed("bert")), reverse=True)
    assert all(len(batch) == 1 or len(batch) * batch[0] <= 150 for batch in lengths)
    assert max(map(len, lengths)) > 1


def test_progress_sees_every_batch(
    model: AtlopModel, accelerator: Accelerator, limit_batches: Callable[[int], None]
) -> None:
    limit_batches(1)
    seen: list[int] = []

    def progress(batches: Sequence[list[Features]]) -> Iterable[list[Features]]:
        seen.append(len(batches))
        return batches

    predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator, progress=progress)
    assert seen == [8]


def test_dropout_is_off_while_documents_are_scored(accelerator: Accelerator) -> None:
    model = golden_model("bert").train()
    list(score_documents(model, golden_preprocessed("bert")[:1], accelerator=accelerator))
    assert not model.training


def test_every_precision_can_follow_every_other() -> None:
    assert accelerator_for("bf16").mixed_precision == "bf16"
    assert accelerator_for("float32").mixed_precision == "no"
    assert accelerator_for("bf16").mixed_precision == "bf16"


def test_a_lower_precision_scores_nearly_the_same(model: AtlopModel) -> None:
    documents = golden_preprocessed("bert")[:4]
    exact = list(score_documents(model, documents, accelerator=accelerator_for("float32")))
    coarse = list(score_documents(model, documents, accelerator=accelerator_for("bf16")))
    for one, other in zip(exact, coarse, strict=True):
        assert not torch.equal(one.scores, other.scores)
        torch.testing.assert_close(other.scores, one.scores, atol=0.1, rtol=0)


def test_a_precision_that_the_machine_lacks_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("the machine has it")
    with pytest.raises(AtlopError, match=r"precision fp16: .*choose float32 or bf16"):
        accelerator_for("fp16")
    assert accelerator_for("float32").mixed_precision == "no"


def test_the_mean_of_both_orders_decides_on_an_undirected_pair(model: AtlopModel, accelerator: Accelerator) -> None:
    directed = document("a met b", entities=[[(0, 0, 1)], [(0, 2, 3)]])
    undirected = replace(directed, directed=False)
    preprocessor = Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary())
    (of_directed,), (of_undirected,) = (
        list(score_documents(model, list(preprocessor.preprocess([each])), accelerator=accelerator))
        for each in (directed, undirected)
    )
    assert of_directed.pairs.tolist() == [[0, 1], [1, 0]]
    assert of_undirected.pairs.tolist() == [[0, 1]]
    torch.testing.assert_close(of_undirected.scores, of_directed.scores.mean(dim=0, keepdim=True))


def test_documents_with_and_without_direction_are_scored_in_one_batch(
    model: AtlopModel, accelerator: Accelerator
) -> None:
    three = document("a met b and c", entities=[[(0, 0, 1)], [(0, 2, 3)], [(0, 4, 5)]])
    documents = [replace(three, pairs=((0, 1), (0, 2), (2, 1))), replace(three, directed=False), three]
    preprocessor = Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary())
    features = list(preprocessor.preprocess(documents))
    assert [len(each.pairs) for each in features] == [3, 6, 6]

    listed, undirected, directed = score_batches(model, [features], accelerator=accelerator)

    torch.testing.assert_close(listed.scores, directed.scores[[0, 1, 5]])
    means = (directed.scores[[0, 1, 3]] + directed.scores[[2, 4, 5]]) / 2
    torch.testing.assert_close(undirected.scores, means)
    assert undirected.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]


def test_pairs_are_decided_alike_however_many_at_once(
    model: AtlopModel, accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = golden_preprocessed("bert")
    whole = predict_facts(model, documents, accelerator=accelerator)
    monkeypatch.setattr(scores, "limits_for", lambda device: replace(limits_for(device), pairs=3))
    assert predict_facts(model, documents, accelerator=accelerator) == whole


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CUDA error: out of memory\nCompile with", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("CUDA error: an illegal memory access was encountered", False),
    ],
)
def test_errors_of_libraries_that_have_no_memory_are_told_from_others(message: str, expected: bool) -> None:
    assert is_out_of_memory(RuntimeError(message)) is expected


def with_room_for(model: AtlopModel, documents: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make a model run out of memory in larger batches; return the sizes of the batches that it is given."""
    pool, sizes = model.pool, []

    def limited(batch: Batch) -> Pooled:
        sizes.append(len(batch.pair_counts))
        if len(batch.pair_counts) > documents:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return pool(batch)

    monkeypatch.setattr(model, "pool", limited)
    return sizes


def test_a_batch_that_memory_is_too_small_for_is_scored_in_parts(
    accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch, limit_batches: Callable[[int], None]
) -> None:
    limit_batches(10**6)
    model = golden_model("bert")
    expected = predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator)
    sizes = with_room_for(model, 3, monkeypatch)
    assert predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator) == expected
    assert sizes[0] == 8
    assert sizes.count(8) == 1  # what failed is not tried again


def test_batches_as_large_as_one_that_failed_are_not_tried(
    accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch, limit_batches: Callable[[int], None]
) -> None:
    model, [features] = golden_model("bert"), golden_preprocessed("bert")[:1]
    documents = [replace(features, index=index) for index in range(12)]
    expected = predict_facts(model, documents, accelerator=accelerator)
    limit_batches(4 * len(features.input_ids))
    sizes = with_room_for(model, 3, monkeypatch)
    assert predict_facts(model, documents, accelerator=accelerator) == expected
    assert sizes == [4, 2, 2, 2, 2, 2, 2]


def test_after_a_document_that_cannot_be_scored_the_others_are(accelerator: Accelerator) -> None:
    model, documents = golden_model("bert"), golden_preprocessed("bert")[:3]
    embedding: Any = model.encoder.get_input_embeddings()
    others = (documents[row].input_ids.tolist() for row in (0, 2))
    token = min({*documents[1].input_ids.tolist()}.difference(*others))
    with torch.no_grad():
        embedding.weight[token] = torch.nan
    results = list(try_batches(model, [documents], accelerator=accelerator))
    unscored = [each for each in results if isinstance(each, UnscoredDocument)]
    assert [(each.index, "not finite" in each.reason) for each in unscored] == [(1, True)]
    assert sorted(each.index for each in results) == [0, 1, 2]


def test_a_document_that_memory_is_too_small_for_is_named(
    accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = golden_model("bert")
    with_room_for(model, 0, monkeypatch)
    with pytest.raises(AtlopError, match=r'document \d+ \(".*"\): not enough memory for its [\d,]+ tokens'):
        predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator)


def test_other_errors_are_not_taken_for_too_little_memory(
    accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = golden_model("bert")

    def fail(batch: Batch) -> Pooled:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(model, "pool", fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        predict_facts(model, golden_preprocessed("bert"), accelerator=accelerator)


def test_a_bar_has_a_name_and_counts_documents(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_bar([[1, 2], [3]], name="predicting", is_shown=True)) == [[1, 2], [3]]
    shown = capsys.readouterr().err
    assert re.search(r"predicting: 100%.* 3/3 \[.* docs/s\]", shown)
    assert not re.search(r"s/ ?docs", shown)
    list(with_bar([[1]], name="predicting", is_shown=False))
    assert capsys.readouterr().err == ""
