"""The soft targets' loss against its equation, over the pairs and with the weights that count."""

import math
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from atlop.config import DistillationConfig
from atlop.model import HeadConfig, PairOutputs
from atlop.model.evidence import Evidence
from atlop.objectives import AdaptiveThresholding, training_losses
from atlop.preprocessing import (
    FLOOR,
    Batch,
    Features,
    MarginsOrigin,
    MarginStore,
    Supervision,
    TeacherScores,
    collate,
    write_margins,
)
from tests.golden_values import golden_preprocessed
from tests.made_documents import WINDOWING

CLASSES = 7
ON = DistillationConfig(teachers=("teacher",), weight=0.5, hard=0.25, temperature=2.0)


def dense_margins(documents: list[Features]) -> list[np.ndarray]:
    """Margins of made teachers, most of them below the floor."""
    generator = np.random.default_rng(0)
    return [generator.normal(-8, 4, (len(each.pairs), CLASSES - 1)).astype(np.float32) for each in documents]


def dense_shares(documents: list[Features]) -> list[np.ndarray]:
    """Shares of made teachers, which read one sentence more than the student."""
    generator = np.random.default_rng(1)
    return [
        generator.dirichlet(np.ones(each.sentences + 2), len(each.pairs))[:, :-1].astype(np.float32)
        for each in documents
    ]


@pytest.fixture(scope="module")
def documents() -> list[Features]:
    return golden_preprocessed("bert")[:4]


@pytest.fixture(scope="module")
def store(documents: list[Features], tmp_path_factory: pytest.TempPathFactory) -> MarginStore:
    stem = tmp_path_factory.mktemp("margins") / "train"
    titles, margins = [each.title for each in documents], dense_margins(documents)
    write_margins(
        stem,
        map(TeacherScores, titles, margins, dense_shares(documents)),
        origin=MarginsOrigin(tuple("abcdef"), "digest", {}),
    )
    return MarginStore(stem)


def scores_of(batch: Batch) -> torch.Tensor:
    return torch.randn(len(batch.pairs), CLASSES, generator=torch.Generator().manual_seed(1), requires_grad=True)


def equation(student: np.ndarray, teacher: np.ndarray, *, temperature: float) -> float:
    """Sum the divergence over pairs and relations, one after the other."""
    total = 0.0
    for m, t in zip(student.ravel().tolist(), teacher.ravel().tolist(), strict=True):
        p, q = 1 / (1 + math.exp(-t / temperature)), 1 / (1 + math.exp(-m / temperature))
        total += temperature**2 * (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))
    return total


def test_the_loss_of_stored_margins_is_that_of_a_dense_teacher_clamped_at_the_floor(
    documents: list[Features], store: MarginStore
) -> None:
    taught = [replace(each, supervision=Supervision(margins=store[row])) for row, each in enumerate(documents)]
    batch = collate(taught, windowing=WINDOWING)
    scores = scores_of(batch)
    loss = training_losses(AdaptiveThresholding(), config=ON)["distillation"]

    term = loss(PairOutputs(scores), batch)

    dense = np.concatenate(dense_margins(documents))
    clamped = np.maximum(dense, np.float32(FLOOR))
    assert 0.3 < (dense > FLOOR).mean() < 0.7
    np.testing.assert_array_equal(batch.dense_margins(CLASSES)[:, 1:].numpy(), clamped)
    values = scores.detach().double().numpy()
    expected = equation(values[:, 1:] - values[:, :1], clamped.astype(np.float64), temperature=2.0)
    assert term.sum.item() / term.count == pytest.approx(expected / len(batch.pairs), rel=1e-6)
    assert (term.count, term.weight) == (len(batch.pairs), 0.5)
    assert loss.count(batch) == term.count


def test_a_student_with_the_margins_of_its_teacher_is_at_the_minimum(
    documents: list[Features], store: MarginStore
) -> None:
    batch = collate([replace(documents[0], supervision=Supervision(margins=store[0]))], windowing=WINDOWING)
    margins = batch.dense_margins(CLASSES)
    margins[:, 0] = 0
    scores = (margins + torch.arange(len(margins))[:, None] / 8).requires_grad_()  # a pair's scores have no zero

    term = training_losses(AdaptiveThresholding(), config=ON)["distillation"](PairOutputs(scores), batch)
    term.sum.backward()

    assert abs(term.sum.item()) < 1e-3
    assert scores.grad is not None
    assert scores.grad.abs().max() < 1e-5


def test_documents_count_by_what_they_have_and_by_their_weight(documents: list[Features], store: MarginStore) -> None:
    supervision = [
        Supervision(margins=store[0]),
        Supervision(),  # has labels alone
        Supervision(labelled=False, weight=0.5, margins=store[2]),
        Supervision(weight=0.5, margins=store[3]),  # distant
    ]
    mixed = [replace(each, supervision=of) for each, of in zip(documents, supervision, strict=True)]
    batch = collate(mixed, windowing=WINDOWING)
    scores = scores_of(batch)
    losses = training_losses(AdaptiveThresholding(), config=ON)
    labels, soft = (losses[name](PairOutputs(scores), batch) for name in ("relation", "distillation"))

    parts = [
        (scores[rows], batch.dense_labels(CLASSES)[rows], of)
        for rows, of in zip(torch.arange(len(scores)).split(batch.pair_counts), supervision, strict=True)
    ]
    expected = sum(
        of.weight * AdaptiveThresholding().total(own_scores, own_labels).item()
        for own_scores, own_labels, of in parts
        if of.labelled
    )
    assert labels.sum.item() == pytest.approx(expected, rel=1e-6)
    first, second, third, fourth = batch.pair_counts
    assert (labels.count, labels.weight) == (first + second + fourth, 0.25)
    assert soft.count == first + third + fourth
    alone = 0.0
    for document in (mixed[0], mixed[2], mixed[3]):
        own = collate([document], windowing=WINDOWING)
        row = mixed.index(document)
        alone += losses["distillation"](PairOutputs(parts[row][0]), own).sum.item()
    assert soft.sum.item() == pytest.approx(alone, rel=1e-5)


def test_a_batch_without_labels_or_without_a_teacher_has_a_loss_of_zero(
    documents: list[Features], store: MarginStore
) -> None:
    losses = training_losses(AdaptiveThresholding(), config=ON)
    for name, supervision in (
        ("relation", Supervision(labelled=False, margins=store[0])),
        ("distillation", Supervision()),
    ):
        batch = collate([replace(documents[0], supervision=supervision)], windowing=WINDOWING)
        term = losses[name](PairOutputs(scores_of(batch)), batch)
        assert (term.sum.item(), term.count) == (0, 0)


@pytest.mark.parametrize(("off", "left"), [("weight", "relation"), ("hard", "distillation")])
def test_without_weight_there_is_one_loss_less(off: str, left: str) -> None:
    assert list(training_losses(AdaptiveThresholding(), config=ON.model_copy(update={off: 0.0}))) == [left]


def test_the_evidence_of_teachers_is_the_target_of_all_their_pairs(
    documents: list[Features], store: MarginStore
) -> None:
    supervision = [
        Supervision(margins=store[0], shares=store.shares(0)),
        Supervision(),  # without a teacher, and so without a target
        Supervision(labelled=False, weight=0.5, margins=store[2], shares=store.shares(2)),
    ]
    mixed = [replace(each, supervision=of) for each, of in zip(documents, supervision, strict=False)]
    batch = collate(mixed, windowing=WINDOWING)
    head = Evidence("evidence", width=1, context_width=1, config=HeadConfig(weight=0.1))
    student = torch.rand(len(batch.pairs), batch.sentences, generator=torch.Generator().manual_seed(1))
    student /= batch.sentences  # the rest is on no sentence

    term = head.loss(PairOutputs(scores_of(batch), {"evidence": student}), batch)

    expected, first = 0.0, 0
    for features, teacher, of in zip(mixed, dense_shares(documents), supervision, strict=False):
        if of.shares is not None:
            target = teacher[:, : features.sentences].astype(np.float16).astype(np.float64)  # as stored
            own = student[first : first + len(target)].double().numpy()
            rest, own_rest = np.clip(1 - target.sum(axis=1), 0, None), 1 - own.sum(axis=1)
            own = own[:, : features.sentences]
            expected += of.weight * (target * (np.log(target) - np.log(own))).sum()
            expected += of.weight * (rest * (np.log(np.maximum(rest, 1e-30)) - np.log(own_rest))).sum()
        first += len(features.pairs)
    assert term.sum.item() == pytest.approx(expected, rel=1e-5)
    counts = batch.pair_counts
    assert (term.count, term.weight) == (counts[0] + counts[2], 0.1)


def test_a_student_that_shares_as_its_teacher_has_nothing_to_learn(
    documents: list[Features], store: MarginStore
) -> None:
    taught = replace(documents[0], supervision=Supervision(margins=store[0], shares=store.shares(0)))
    batch = collate([taught], windowing=WINDOWING)
    head = Evidence("evidence", width=1, context_width=1, config=HeadConfig())
    student = batch.share_bits.view(torch.float32).clone().requires_grad_()
    assert student.sum(dim=1).min() < 0.999

    term = head.loss(PairOutputs(scores_of(batch), {"evidence": student}), batch)
    term.sum.backward()

    assert term.sum.item() == pytest.approx(0, abs=1e-5)
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-3, rtol=0)


def test_dense_margins_are_not_kept_while_others_are_scored(tmp_path: Path) -> None:
    kept: list[weakref.ref[np.ndarray]] = []

    def scored() -> Iterator[TeacherScores]:
        for number in range(5):
            assert sum(each() is not None for each in kept) <= 2
            margins, shares = (np.zeros((3, columns), np.float32) for columns in (4, 2))
            kept.extend(map(weakref.ref, (margins, shares)))
            yield TeacherScores(str(number), margins, shares)

    write_margins(tmp_path / "few", scored(), origin=MarginsOrigin(("a", "b", "c", "d"), "digest", {}))
    assert len(MarginStore(tmp_path / "few")) == 5


def test_margins_of_two_batches_of_documents_are_found(tmp_path: Path) -> None:
    documents = [
        TeacherScores(f"title {n}", np.full((2, 3), n % 50 - 9, np.float32), np.full((2, n % 3), n / 8, np.float32))
        for n in range(1003)
    ]
    write_margins(tmp_path / "many", documents, origin=MarginsOrigin(("a", "b", "c"), "digest", {}))
    store = MarginStore(tmp_path / "many")
    assert len(store) == 1003
    assert not len(store[50].indices)
    assert store[1002].values.tolist() == [-7.0] * 6
    assert store[1002].indices.tolist() == [[row, class_id] for row in range(2) for class_id in (1, 2, 3)]
    assert store.has_shares
    assert store.shares(1001).tolist() == [[125.125, 125.125]] * 2
    assert store.shares(1002).shape == (2, 0)
