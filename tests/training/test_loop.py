"""The loop over epochs: when it evaluates, saves, logs and stops."""

from collections.abc import Mapping
from typing import Any, cast

import pytest
import torch

from atlop.config import TrainerConfig
from atlop.encoding import DocumentEncoder, EncodedDocument
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, official_scores
from atlop.training.loop import Trainer, TrainState
from atlop.training.schedule import Update
from atlop.training.updates import UpdateMetrics, Updater
from tests.made_documents import VOCABULARY, document, tokenizer_for

DOCUMENTS = [document("Ada left", entities=[[(0, 0, 1)]], title=f"title {number}") for number in range(10)]


def encoded(count: int) -> list[EncodedDocument]:
    return list(DocumentEncoder(tokenizer_for(*DOCUMENTS), vocabulary=VOCABULARY).encode(DOCUMENTS[:count]))


class FakeUpdater:
    """Gives the losses that a test asks for, and remembers the updates."""

    def __init__(self, losses: Mapping[int, float], norms: Mapping[int, float], skipped: bool):
        self.updates: list[Update] = []
        self._losses, self._norms, self._skipped = losses, norms, skipped

    def apply(self, update: Update) -> UpdateMetrics:
        self.updates.append(update)
        number = len(self.updates)
        return UpdateMetrics(
            loss=torch.tensor(self._losses.get(number, 1 / number)),
            gradient_norm=torch.tensor(self._norms.get(number, 2.0)),
            encoder_learning_rate=0.1 * number,
            new_layers_learning_rate=0.2 * number,
            skipped=self._skipped,
        )


class Run:
    """A training whose parts are all made up."""

    def __init__(
        self,
        *,
        documents: int = 10,
        f1: tuple[float, ...] = (),
        losses: Mapping[int, float] | None = None,
        norms: Mapping[int, float] | None = None,
        skipped: bool = False,
        **config: Any,
    ):
        self.updater = FakeUpdater(losses or {}, norms or {}, skipped)
        self.f1 = list(f1)
        self.evaluated_after: list[int] = []
        self.saved: list[tuple[int, bool]] = []
        self.lines: list[dict[str, Any]] = []
        self.documents = encoded(documents)
        self.trainer = Trainer(
            cast(Updater, self.updater),
            config=TrainerConfig(**config),
            documents=self.documents,
            evaluate=self._evaluate,
            save=lambda is_best: self.saved.append((len(self.updater.updates), is_best)),
            log=lambda metrics: self.lines.append(dict(metrics)),
            show_progress=False,
        )

    def _evaluate(self) -> OfficialScores:
        self.evaluated_after.append(len(self.updater.updates))
        nothing = official_scores([], predictions=[], train_facts=None)
        f1 = self.f1[len(self.evaluated_after) - 1] if self.f1 else 0.5
        return type(nothing)(**{**vars(nothing), "f1": f1})

    def fit(self) -> TrainState:
        return self.trainer.fit()


def test_dev_is_evaluated_after_every_epoch() -> None:
    run = Run(epochs=3, batch_size=2, gradient_accumulation=2)
    state = run.fit()
    assert state.update == len(run.updater.updates) == 9
    assert run.evaluated_after == [3, 6, 9]


def test_an_epoch_of_a_single_batch_is_evaluated_too() -> None:
    run = Run(documents=4, epochs=2, batch_size=4)
    run.fit()
    assert run.evaluated_after == [1, 2]


@pytest.mark.parametrize(("interval", "expected"), [(2, [2, 4, 6, 8, 10]), (3, [3, 6, 9, 10]), (100, [10])])
def test_an_interval_counts_updates_over_epochs_and_ends_with_an_evaluation(interval: int, expected: list[int]) -> None:
    run = Run(epochs=2, batch_size=2, evaluation_interval=interval)
    run.fit()
    assert run.evaluated_after == expected


def test_the_best_is_saved_and_of_equals_the_first() -> None:
    run = Run(epochs=5, batch_size=5, f1=(0.2, 0.4, 0.3, 0.4, 0.5))
    state = run.fit()
    assert run.saved == [(2, True), (4, True), (6, False), (8, False), (10, True)]
    assert (state.best_f1, state.best_update) == (0.5, 10)


def test_a_first_score_of_zero_is_the_best_so_far() -> None:
    run = Run(epochs=2, batch_size=5, f1=(0.0, 0.0))
    state = run.fit()
    assert run.saved == [(2, True), (4, False)]
    assert (state.best_f1, state.best_update) == (0.0, 2)


def test_every_update_and_every_evaluation_is_logged_in_order() -> None:
    run = Run(epochs=3, batch_size=1)
    run.fit()
    updates = [line for line in run.lines if "loss" in line]
    assert [line["update"] for line in updates] == list(range(1, 31))
    assert [line["epoch"] for line in updates] == [0] * 10 + [1] * 10 + [2] * 10
    assert updates[4]["loss"] == pytest.approx(1 / 5)
    assert updates[4]["gradient_norm"] == 2.0
    assert updates[4]["encoder_learning_rate"] == pytest.approx(0.5)
    assert updates[4]["new_layers_learning_rate"] == pytest.approx(1.0)
    assert [(index, line["update"]) for index, line in enumerate(run.lines) if "dev" in line] == [
        (10, 10), (21, 20), (32, 30),
    ]  # fmt: skip
    assert run.lines[10]["dev"]["f1"] == 0.5


def test_every_epoch_sees_its_own_shuffling() -> None:
    run = Run(epochs=2, batch_size=10)
    run.fit()
    (first,), (second,) = run.updater.updates
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_update_and_documents_named(value: float) -> None:
    run = Run(epochs=3, batch_size=2, gradient_accumulation=2, losses={5: value, 6: value})
    with pytest.raises(AtlopError, match="update 5: loss") as caught:
        run.fit()
    named = {run.documents[index].title for batch in run.updater.updates[4] for index in batch}
    message = str(caught.value)
    assert {f"title {number}" for number in range(10) if f'"title {number}"' in message} == named
    assert [line["update"] for line in run.lines if "loss" in line] == [1, 2, 3, 4]


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    with pytest.raises(AtlopError, match=r"update 2: .*gradient norm nan"):
        Run(epochs=1, batch_size=2, norms={2: float("nan")}).fit()


def test_an_overflow_that_the_loss_scaler_skipped_does_not_stop() -> None:
    assert Run(epochs=1, batch_size=5, norms={2: float("inf")}, skipped=True).fit().update == 2


def test_broken_weights_are_never_evaluated_or_saved() -> None:
    run = Run(epochs=2, batch_size=2, losses={5: float("nan")})
    with pytest.raises(AtlopError):
        run.fit()
    assert run.evaluated_after == []
    assert run.saved == []


def test_too_few_documents_for_a_batch_are_refused_before_training() -> None:
    with pytest.raises(AtlopError, match="only 3 train documents"):
        Run(documents=3, batch_size=4)
