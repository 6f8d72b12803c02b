"""Sentence evidence: its shares and its loss, against the equations and against the plain reference."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from atlop.config import EvidenceConfig, PoolingConfig
from atlop.errors import AtlopError
from atlop.model import AtlopModel, LossTerm, PairOutputs
from atlop.model.context import context_weights, sentence_shares
from atlop.model.evidence import Evidence, evidence_frequencies
from atlop.ops import limits
from atlop.preprocessing import Batch, Features, Preprocessor, collate
from tests import reference
from tests.golden_values import (
    assert_reference_gradients,
    golden_features,
    golden_preprocessed,
    golden_tokenizer,
    golden_vocabulary,
    golden_windowing,
    plain_model,
    read_golden,
)
from tests.made_documents import document
from tests.tiny_encoders import save_tiny_encoder, tiny_model

TRAINED = EvidenceConfig(weight=0.1)


def term_of(model: AtlopModel, outputs: PairOutputs, batch: Batch) -> LossTerm:
    head = model.heads["evidence"]
    assert isinstance(head, Evidence)
    return head.loss(outputs, batch)


def features_of(*, evidence: tuple[int, ...], max_length: int = 100) -> Features:
    """Two entities in two sentences, and a fact between them."""
    made = document(
        "the archive stands by the spring .",
        "it was built near the spring .",
        entities=[[(0, 1, 2)], [(0, 5, 6), (1, 5, 6)]],
        facts=[(0, 1, "P17", evidence)],
    )
    preprocessor = Preprocessor(golden_tokenizer("bert"), vocabulary=golden_vocabulary(), max_length=max_length)
    [features] = preprocessor.preprocess([made])
    return features


def test_the_divergence_of_two_sentences_is_what_one_computes_by_hand() -> None:
    attention = torch.tensor([[[0.1, 0.3, 0.4, 0.2], [0.2, 0.2, 0.1, 0.5]]], dtype=torch.float64)  # 1 head, 2 entities
    rows = attention.permute(2, 0, 1).requires_grad_()  # [tokens, heads, entities]
    sentences = torch.tensor([[False, False], [True, False], [True, False], [False, True]])[None]

    weights = context_weights(rows, rows, documents=1)
    shares = sentence_shares(weights, sentences)[0, 1]  # of entity 0 with entity 1

    products = [0.02, 0.06, 0.04, 0.10]
    total = sum(products) + 1e-5
    assert shares.tolist() == pytest.approx([0.10 / total, 0.10 / total], rel=1e-12)
    loss = -shares[1].log()  # all evidence in the second sentence
    loss.backward()
    assert rows.grad is not None
    by_hand = [0.2 / total, 0.2 / total, 0.1 / total, 0.5 / total - 0.5 / 0.10]  # of the row of entity 0
    assert rows.grad[:, 0, 0].tolist() == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("kind", ["bert", "deberta-v2"])
@pytest.mark.parametrize("documents", [[0], [0, 3, 6], [1, 2]])
def test_the_loss_and_its_gradient_are_those_of_the_reference(kind: str, documents: list[int], tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path, kind=kind), documents=documents, evidence=TRAINED)
    model, plain = model.double(), plain_model(model).double()
    term = term_of(model, model(batch), batch)

    rows = [golden_features("bert")[index] for index in documents]
    encoded = reference.encode(
        plain.model,
        [row["input_ids"] for row in rows],
        start_tokens=plain.start_tokens,
        end_tokens=plain.end_tokens,
        spans=plain.spans,
    )
    total, count = torch.zeros((), dtype=torch.float64), 0
    for index, row, (_, attention) in zip(documents, rows, encoded, strict=True):
        evidence: dict[tuple[int, int], list[int]] = {}
        for label in read_golden("documents.json")[index].get("labels", []):
            evidence.setdefault((label["h"], label["t"]), []).extend(label["evidence"])
        sentence_of = golden_preprocessed("bert")[index].token_sentences.tolist()
        found, pairs = reference.evidence_divergence(attention, row["entity_pos"], sentence_of, evidence)
        total, count = total + found, count + pairs

    assert term.count == count > 0
    assert term.weight == 0.1
    torch.testing.assert_close(term.sum, total, rtol=1e-9, atol=1e-9)
    term.sum.backward()
    total.backward()
    assert_reference_gradients(model, equal=plain)
    assert all(parameter.grad is None for parameter in model.classifier.parameters())


def test_two_relations_of_a_pair_count_a_sentence_twice() -> None:
    features = features_of(evidence=(0, 1))
    doubled = replace(
        features,
        labels=features.labels.repeat(2, axis=0),
        evidence=torch.tensor([[0, 0], [0, 1], [1, 1]]).int().numpy(),
    )
    batch = collate([doubled], windowing=golden_windowing("bert"))

    target = evidence_frequencies(batch)

    row = int(batch.labels[0, 0])
    assert target[row].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert target.sum() == 1
    assert batch.evidence_pairs == 1


@pytest.mark.parametrize(("evidence", "pairs"), [((0, 1), 1), ((1,), 0), ((), 0), ((7,), 0)])
def test_a_truncated_sentence_is_left_out_and_nothing_is_no_pair(evidence: tuple[int, ...], pairs: int) -> None:
    batch = collate([features_of(evidence=evidence, max_length=12)], windowing=golden_windowing("bert"))

    target = evidence_frequencies(batch)

    assert batch.sentences == 1
    assert batch.evidence_pairs == pairs
    assert target.sum() == pairs


def test_a_batch_without_evidence_has_a_loss_of_zero(tmp_path: Path) -> None:
    model, _ = tiny_model(save_tiny_encoder(tmp_path), documents=[0], evidence=TRAINED)
    batch = model.collate([features_of(evidence=())])

    term = term_of(model, model(batch), batch)

    assert term.count == 0
    assert term.sum.item() == 0
    term.sum.backward()


@pytest.mark.parametrize("pairs_at_once", [2048, 7])
def test_shares_are_those_of_each_pair_whatever_is_taken_together(
    pairs_at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path), documents=[0, 3, 6])
    model.eval()
    with torch.no_grad():
        expected = [model(model_batch).evidence for model_batch in singles(model, [0, 3, 6])]
        chosen = limits.Limits(3, 4, 2**22, pairs_at_once, groups=1, products=2**21, batch_tokens=2**11, captures=False)
        for module in ("atlop", "context"):
            monkeypatch.setattr(f"atlop.model.{module}.limits_for", lambda _: chosen)
        found = model(batch).evidence
    assert found is not None
    assert found.shape == (len(batch.pairs), batch.sentences)
    assert (found.sum(dim=1) <= 1 + 1e-6).all()
    for shares, alone in zip(found.split(batch.pair_counts), expected, strict=True):
        assert alone is not None
        torch.testing.assert_close(shares[:, : alone.shape[1]], alone, rtol=1e-5, atol=1e-6)
        assert not shares[:, alone.shape[1] :].any()


def singles(model: AtlopModel, documents: list[int]) -> list[Batch]:
    return [model.collate([golden_preprocessed("bert")[index]]) for index in documents]


def test_in_training_they_are_computed_only_for_a_loss(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path)
    (plain, batch), (trained, _) = (
        tiny_model(folder, documents=[0], evidence=evidence) for evidence in (EvidenceConfig(), TRAINED)
    )
    outputs: list[PairOutputs] = [plain.train()(batch), trained.train()(batch), plain.eval()(batch)]
    assert [each.evidence is None for each in outputs] == [True, False, False]


def test_a_weight_of_0_trains_as_if_there_were_no_evidence(tmp_path: Path) -> None:
    folder = save_tiny_encoder(tmp_path, dropout=0.1)
    losses, gradients = [], []
    for removed in (False, True):
        model, batch = tiny_model(folder, documents=[0, 3])
        if removed:
            del model.heads["evidence"]
        torch.manual_seed(0)
        outputs = model.train()(batch)
        loss = outputs.scores.square().sum()
        loss.backward()
        losses.append(loss)
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert torch.equal(*losses)
    for one, other in zip(*gradients, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


def test_without_localized_context_there_is_no_evidence(tmp_path: Path) -> None:
    folder, none = save_tiny_encoder(tmp_path), PoolingConfig(context="none")
    model, batch = tiny_model(folder, documents=[0], pooling=none)
    assert model.eval()(batch).evidence is None
    with pytest.raises(AtlopError, match=r"evidence\.weight: evidence is part of the context"):
        tiny_model(folder, documents=[0], pooling=none, evidence=TRAINED)


def test_half_precision_does_not_round_shares(tmp_path: Path) -> None:
    model, batch = tiny_model(save_tiny_encoder(tmp_path), documents=[0])
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        shares: Tensor | None = model(batch).evidence
    assert shares is not None
    assert shares.dtype == torch.float32
