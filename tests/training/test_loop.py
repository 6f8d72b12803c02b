"""The loop over epochs: when it evaluates, saves, logs and stops."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from atlop.config import TrainerConfig
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, official_scores
from atlop.preprocessing import Features, Preprocessor
from atlop.training.loop import Surroundings, Trainer, TrainState
from atlop.training.schedule import Update
from atlop.training.stopping import StopRequestError
from atlop.training.updates import UpdateMetrics, Updater
from tests.made_documents import VOCABULARY, document, tokenizer_for

DOCUMENTS = [document("Ada left", entities=[[(0, 0, 1)]], title=f"title {number}") for number in range(10)]


def encoded(count: int) -> list[Features]:
    return list(Preprocessor(tokenizer_for(*DOCUMENTS), vocabulary=VOCABULARY).encode(DOCUMENTS[:count]))


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
        state: TrainState | None = None,
        signal_after: tuple[int, int] = (0, 0),
        **config: Any,
    ):
        self.updater = FakeUpdater(losses or {}, norms or {}, skipped)
        self.f1 = list(f1)
        self.evaluated_after: list[int] = []
        self.saved: list[tuple[int, bool]] = []
        self.lines: list[dict[str, Any]] = []
        self.checkpoints: list[TrainState] = []
        self.signal_after = signal_after
        self.documents = encoded(documents)
        self.trainer = Trainer(
            cast(Updater, self.updater),
            config=TrainerConfig(**config),
            documents=self.documents,
            surroundings=Surroundings(
                evaluate=self._evaluate,
                save=lambda is_best: self.saved.append((self.trainer.state.update, is_best)),
                checkpoint=lambda state: self.checkpoints.append(replace(state)),
                log=lambda metrics: self.lines.append(dict(metrics)),
                signal=lambda: self.signal_after[0] if len(self.updater.updates) >= self.signal_after[1] else 0,
            ),
            state=state,
            show_progress=False,
        )

    def _evaluate(self) -> OfficialScores:
        if self.signal_after[0] and len(self.updater.updates) >= self.signal_after[1]:
            raise StopRequestError
        self.evaluated_after.append(len(self.updater.updates))
        nothing = official_scores([], predictions=[], train_facts=None)
        f1 = self.f1[len(self.evaluated_after) - 1] if self.f1 else 0.5
        return type(nothing)(**{**vars(nothing), "f1": f1})

    def fit(self) -> TrainState:
        self.stopped = self.trainer.fit()
        return self.trainer.state


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
    assert (state.best and state.best.f1, state.best_update) == (0.5, 10)


def test_a_first_score_of_zero_is_the_best_so_far() -> None:
    run = Run(epochs=2, batch_size=5, f1=(0.0, 0.0))
    state = run.fit()
    assert run.saved == [(2, True), (4, False)]
    assert (state.best and state.best.f1, state.best_update) == (0.0, 2)


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


def test_training_goes_on_in_the_middle_of_an_epoch_with_the_documents_that_are_left() -> None:
    whole = Run(epochs=3, batch_size=2, gradient_accumulation=2, evaluation_interval=2)
    whole.fit()
    for done in range(10):
        evaluated = done - done % 2
        part = Run(
            epochs=3,
            batch_size=2,
            gradient_accumulation=2,
            evaluation_interval=2,
            state=TrainState(update=done, epoch=done // 3, evaluated=evaluated if done < 9 else 9),
        )
        part.fit()
        assert part.updater.updates == whole.updater.updates[done:]
        assert [line["update"] for line in part.lines if "loss" in line] == list(range(done + 1, 10))


def test_an_evaluation_that_was_stopped_is_made_first() -> None:
    run = Run(epochs=2, batch_size=2, state=TrainState(update=5, epoch=0))
    run.fit()
    assert run.evaluated_after == [0, 5]
    assert [line["epoch"] for line in run.lines if "dev" in line] == [0, 1]


def test_checkpoints_come_at_their_interval_and_after_every_evaluation_once() -> None:
    run = Run(epochs=2, batch_size=1, checkpoint_interval=4)
    run.fit()
    assert [state.update for state in run.checkpoints] == [4, 8, 10, 12, 16, 20]
    assert [state.evaluated for state in run.checkpoints] == [0, 0, 10, 10, 10, 20]


def test_checkpoints_come_by_the_clock() -> None:
    run = Run(epochs=1, batch_size=2, checkpoint_minutes=0.0)
    run.fit()
    assert [state.update for state in run.checkpoints] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("after", "evaluated"), [(3, 0), (5, 0), (7, 5)])
def test_a_stop_leaves_a_checkpoint_after_the_running_update(after: int, evaluated: int) -> None:
    run = Run(epochs=2, batch_size=2, signal_after=(15, after))
    state = run.fit()
    assert run.stopped == 15
    assert state.update == after
    assert [line["update"] for line in run.lines if "loss" in line] == list(range(1, after + 1))
    assert (run.checkpoints[-1].update, run.checkpoints[-1].evaluated) == (after, evaluated)


def test_updates_that_are_not_finite_are_passed_over_while_the_budget_lasts(caplog: pytest.LogCaptureFixture) -> None:
    nan = float("nan")
    run = Run(epochs=1, batch_size=1, losses={2: nan, 7: nan}, norms={2: nan}, max_skipped_updates=2)
    assert run.fit().skipped == 2
    assert [line["update"] for line in run.lines if line.get("skipped")] == [2, 7]
    assert [line["update"] for line in run.lines if "loss" in line] == [1, 3, 4, 5, 6, 8, 9, 10]
    assert "update 7: loss nan" in caplog.text
    with pytest.raises(AtlopError, match=r"update 7: .*max_skipped_updates is 1"):
        Run(epochs=1, batch_size=1, losses={2: nan, 7: nan}, max_skipped_updates=1).fit()


def test_no_checkpoint_is_written_of_updates_that_are_not_finite() -> None:
    run = Run(epochs=1, batch_size=1, losses={3: float("nan")}, checkpoint_interval=2)
    with pytest.raises(AtlopError, match="update 3"):
        run.fit()
    assert [state.update for state in run.checkpoints] == [2]
