"""The whole model gives the golden values, and what the plain reference gives."""

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from atlop.model import AtlopModel
from atlop.preprocessing import Batch, Preprocessor, collate
from tests.golden_values import (
    GOLDEN,
    assert_reference_gradients,
    each_batch,
    each_encoder,
    golden_batch,
    golden_features,
    golden_model,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
    gradients,
    objective_in,
    plain_model,
    read_golden,
    represent,
    score,
)
from tests.made_documents import WINDOWING, document


def loss_of(model: AtlopModel, scores: Tensor, batch: Batch) -> Tensor:
    return objective_in(model).total(scores, batch.dense_labels(scores.shape[1])) / len(scores)


@each_encoder
@each_batch
def test_golden_scores_context_decisions_and_loss(name: str, batch_name: str) -> None:
    expected = read_golden(f"{name}/expected.json")[batch_name]
    tensors = load_file(GOLDEN / name / "forward.safetensors")
    model, batch = golden_model(name), golden_batch(name, expected["documents"])
    with torch.no_grad():
        scores, (_, context) = score(model, batch), represent(model, batch)
    torch.testing.assert_close(scores, tensors[f"{batch_name}.logits"], atol=1e-5, rtol=0)
    torch.testing.assert_close(context, tensors[f"{batch_name}.context"], atol=1e-5, rtol=0)
    decided = objective_in(model).decide(scores, max_relations=4)
    assert torch.equal(decided[:, 1:], tensors[f"{batch_name}.decoded"][:, 1:].bool())
    assert int(decided.sum()) == expected["num_positive_decoded"]
    assert loss_of(model, scores, batch).item() == pytest.approx(expected["loss"], rel=1e-4)


def test_every_golden_batch_is_tested() -> None:
    for name in ("bert", "roberta"):
        batches = {key.split(".")[0] for key in load_file(GOLDEN / name / "forward.safetensors")}
        assert batches == set(read_golden(f"{name}/expected.json")) - {"training"}


@each_encoder
@pytest.mark.parametrize("documents", [[0, 1, 2], [3, 4], [0, 3, 6], [5], [2, 6, 3, 5, 0]])
def test_scores_and_gradients_are_those_of_the_reference(name: str, documents: list[int]) -> None:
    model, batch = golden_model(name), golden_batch(name, documents)
    plain = plain_model(model)
    expected, context = plain([golden_features(name)[index] for index in documents])
    loss_of(model, expected, batch).backward()
    found = score(model, batch)
    loss_of(model, found, batch).backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(represent(model, batch)[1], context, atol=1e-5, rtol=0)
    assert_reference_gradients(model, equal=plain)


@each_encoder
@pytest.mark.parametrize("max_length", [700, 1022, 1023, 4000])
def test_documents_of_any_length_are_scored_as_the_reference_does(name: str, max_length: int) -> None:
    documents = [5, 6, 3]  # of many, one, and one or two windows
    model, batch = golden_model(name), golden_batch(name, documents, max_length=max_length)
    plain = plain_model(model)
    with torch.no_grad():
        expected, context = plain([golden_features(name, max_length)[index] for index in documents])
        torch.testing.assert_close(score(model, batch), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(represent(model, batch)[1], context, atol=1e-5, rtol=0)
    assert max_length < 4000 or max(batch.lengths) > 1100  # three windows at least


@each_encoder
def test_a_document_scores_the_same_alone_and_in_a_batch(name: str) -> None:
    model, documents = golden_model(name), [6, 5, 0, 4, 7]
    with torch.no_grad():
        together = golden_batch(name, documents)
        scores = score(model, together).split(together.pair_counts)
        for index, document_scores in zip(documents, scores, strict=True):
            alone = score(model, golden_batch(name, [index]))
            torch.testing.assert_close(document_scores, alone, atol=1e-5, rtol=0)


def test_gradients_are_the_same_in_every_pass_whatever_the_threads_do() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model, batch = golden_model("bert"), golden_batch("bert", [2, 3, 5])
        passes = []
        for _ in range(4):
            model.zero_grad()
            score(model, batch).square().mean().backward()
            passes.append(gradients(model))
    finally:
        torch.set_num_threads(threads)
    for others in passes[1:]:
        different = [name for name, gradient in passes[0].items() if not torch.equal(gradient, others[name])]
        assert not different


def test_entities_without_a_mention_left_score_like_zeros_and_train() -> None:
    tokenizer = golden_tokenizer("bert")
    item = document("In the archive of the spring", entities=[[(0, 1, 2)], [(0, 4, 5)], [(0, 5, 6)]])
    preprocessor = Preprocessor(tokenizer, vocabulary=golden_vocabulary(), max_length=8)
    (features,) = preprocessor.preprocess([item])
    assert features.unreachable_entities == 2
    model, batch = golden_model("bert"), collate([features], windowing=WINDOWING)
    embeddings, context = represent(model, batch)
    assert embeddings[0, 1:].abs().max() == 0
    assert embeddings[0, 0].abs().max() > 0
    assert context.abs().max() == 0
    scores = score(model, batch)
    loss_of(model, scores, batch).backward()
    assert scores.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())


@pytest.mark.parametrize("entities", [[], [[(0, 1, 2)]], [[(0, 5, 6)]], [[(0, 5, 6)], [(0, 5, 6)]]])
def test_documents_without_pairs_or_mentions_can_be_scored_and_trained_on(
    entities: list[list[tuple[int, int, int]]],
) -> None:
    item = document("In the archive of the spring", entities=entities)
    preprocessor = Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary(), max_length=7)
    batch = collate(list(preprocessor.preprocess([item])), windowing=WINDOWING)
    model = golden_model("bert")
    scores = score(model, batch)
    pairs = len(entities) * (len(entities) - 1)
    assert scores.shape == (pairs, 7)
    objective_in(model).total(scores, batch.dense_labels(7)).backward()
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())


def test_a_document_without_pairs_does_not_disturb_its_neighbours() -> None:
    alone = document("In the archive", entities=[[(0, 1, 2)]])
    preprocessor = Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary())
    (lonely,) = preprocessor.preprocess([alone])
    model, usual = golden_model("bert"), golden_batch("bert", [0])
    batch = collate([lonely, golden_preprocessed("bert")[0], lonely], windowing=WINDOWING)
    with torch.no_grad():
        torch.testing.assert_close(score(model, batch), score(model, usual), atol=1e-5, rtol=0)
