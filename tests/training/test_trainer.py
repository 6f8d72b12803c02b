"""The training loop: when it evaluates, saves, logs and stops."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import active_count
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from atlop.config import DataConfig, EncoderConfig, RunConfig, TrainerConfig
from atlop.errors import AtlopError
from atlop.evaluation import OfficialScores, official_scores
from atlop.preprocessing import Batch, Features, Preprocessor, collate
from atlop.stopping import StopRequests
from atlop.training import Training
from atlop.training.checkpoint import Progress
from atlop.training.run import Run
from atlop.training.schedule import Schedule
from atlop.training.step import StepMetrics
from atlop.training.trainer import fit
from tests.made_documents import VOCABULARY, WINDOWING, document, tokenizer_for

DOCUMENTS = [document("Ada left", entities=[[(0, 0, 1)]], title=f"title {number}") for number in range(10)]
FILES = {"data": DataConfig(train=Path("train"), dev=Path("dev")), "encoder": EncoderConfig(name="none")}


def preprocessed(count: int) -> list[Features]:
    return list(Preprocessor(tokenizer_for(*DOCUMENTS), vocabulary=VOCABULARY).preprocess(DOCUMENTS[:count]))


class FakeStep:
    """Returns given losses and records the documents of every step."""

    def __init__(self, losses: Mapping[int, float], norms: Mapping[int, float], skipped: bool):
        self.documents: list[list[list[int]]] = []
        self._losses, self._norms, self._skipped = losses, norms, skipped

    def __call__(self, batches: Sequence[Batch]) -> StepMetrics:
        self.documents.append([[int(title.removeprefix("title ")) for title in batch.titles] for batch in batches])
        number = len(self.documents)
        return StepMetrics(
            loss=torch.tensor(self._losses.get(number, 1 / number)),
            gradient_norm=torch.tensor(self._norms.get(number, 2.0)),
            learning_rates={"encoder": 0.1 * number, "new_layers": 0.2 * number},
            skipped=self._skipped,
        )


class FakeEvaluation(Training):
    """A training with given dev scores."""

    f1: list[float]
    after: list[int]

    def evaluate(self, stop: StopRequests) -> OfficialScores | None:
        if stop.signal:
            return None
        self.after.append(len(cast(FakeStep, self.step).documents))
        nothing = official_scores([], predictions=[], train_facts=None)
        return replace(nothing, f1=self.f1[len(self.after) - 1] if self.f1 else 0.5)


class FakeRun(Run):
    """A run that stores everything in lists."""

    def __init__(self, training: Training):
        self._training, self._accelerator = training, training.accelerator
        self._checkpoint_step, self._checkpoint_time = training.state.progress.step, monotonic()
        self.saved: list[tuple[int, bool]] = []
        self.lines: list[dict[str, Any]] = []
        self.checkpoints: list[Progress] = []

    def seconds(self) -> float:
        return 0.0

    def log(self, metrics: Mapping[str, Any]) -> None:
        self.lines.append(dict(metrics))

    def save(self, *, is_best: bool) -> None:
        self.saved.append((self._training.state.progress.step, is_best))

    def checkpoint(self) -> None:
        self.checkpoints.append(replace(self._training.state.progress))
        self._checkpoint_step = self._training.state.progress.step


class StopAfter(StopRequests):
    """A signal that arrives after some steps."""

    def __init__(self, step: FakeStep, *, number: int, after: int):
        self._step, self._number, self._after = step, number, after

    @property
    def signal(self) -> int:  # type: ignore[override]
        return self._number if self._number and len(self._step.documents) >= self._after else 0


class FakeTraining:
    """A training with fake data, steps, evaluations and output."""

    def __init__(
        self,
        *,
        documents: int = 10,
        f1: tuple[float, ...] = (),
        losses: Mapping[int, float] | None = None,
        norms: Mapping[int, float] | None = None,
        skipped: bool = False,
        progress: Progress | None = None,
        signal_after: tuple[int, int] = (0, 0),
        **config: Any,
    ):
        trainer = TrainerConfig(**config)
        self.documents = preprocessed(documents)
        self.step = FakeStep(losses or {}, norms or {}, skipped)
        accelerator = SimpleNamespace(num_processes=1, process_index=0, device=torch.device("cpu"))
        parts: dict[str, Any] = {
            "accelerator": accelerator,
            "data": None,
            "documents": self.documents,
            "tokenizer": None,
            "state": SimpleNamespace(
                progress=progress or Progress(), model=SimpleNamespace(collate=partial(collate, windowing=WINDOWING))
            ),
            "step": self.step,
        }
        self.training = FakeEvaluation(
            config=RunConfig(**FILES, trainer=trainer),
            schedule=Schedule(trainer, documents=documents),
            show_progress=False,
            **parts,
        )
        object.__setattr__(self.training, "f1", list(f1))
        object.__setattr__(self.training, "after", [])
        self.run = FakeRun(self.training)
        self.stop = StopAfter(self.step, number=signal_after[0], after=signal_after[1])

    @property
    def evaluated_after(self) -> list[int]:
        return self.training.after

    def fit(self) -> Progress:
        self.stopped = fit(self.training, run=self.run, stop=self.stop)
        return self.training.state.progress


def test_dev_is_evaluated_after_every_epoch() -> None:
    run = FakeTraining(epochs=3, batch_size=2, gradient_accumulation=2)
    progress = run.fit()
    assert progress.step == len(run.step.documents) == 9
    assert run.evaluated_after == [3, 6, 9]


def test_an_epoch_of_a_single_batch_is_evaluated_too() -> None:
    run = FakeTraining(documents=4, epochs=2, batch_size=4)
    run.fit()
    assert run.evaluated_after == [1, 2]


@pytest.mark.parametrize(("interval", "expected"), [(2, [2, 4, 6, 8, 10]), (3, [3, 6, 9, 10]), (100, [10])])
def test_an_interval_counts_steps_over_epochs_and_ends_with_an_evaluation(interval: int, expected: list[int]) -> None:
    run = FakeTraining(epochs=2, batch_size=2, evaluation_interval=interval)
    run.fit()
    assert run.evaluated_after == expected


def test_the_best_is_saved_and_of_equals_the_first() -> None:
    run = FakeTraining(epochs=5, batch_size=5, f1=(0.2, 0.4, 0.3, 0.4, 0.5))
    progress = run.fit()
    assert run.run.saved == [(2, True), (4, True), (6, False), (8, False), (10, True)]
    assert (progress.best and progress.best.f1, progress.best_step) == (0.5, 10)


def test_a_first_score_of_zero_is_the_best_so_far() -> None:
    run = FakeTraining(epochs=2, batch_size=5, f1=(0.0, 0.0))
    progress = run.fit()
    assert run.run.saved == [(2, True), (4, False)]
    assert (progress.best and progress.best.f1, progress.best_step) == (0.0, 2)


def test_every_step_and_every_evaluation_is_logged_in_order() -> None:
    run = FakeTraining(epochs=3, batch_size=1)
    run.fit()
    steps = [line for line in run.run.lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 31))
    assert [line["epoch"] for line in steps] == [0] * 10 + [1] * 10 + [2] * 10
    assert steps[4]["loss"] == pytest.approx(1 / 5)
    assert steps[4]["gradient_norm"] == 2.0
    assert steps[4]["encoder_learning_rate"] == pytest.approx(0.5)
    assert steps[4]["new_layers_learning_rate"] == pytest.approx(1.0)
    assert [(index, line["step"]) for index, line in enumerate(run.run.lines) if "dev" in line] == [
        (10, 10), (21, 20), (32, 30),
    ]  # fmt: skip
    assert run.run.lines[10]["dev"]["f1"] == 0.5


def test_every_epoch_sees_its_own_shuffling() -> None:
    run = FakeTraining(epochs=2, batch_size=10)
    run.fit()
    (first,), (second,) = run.step.documents
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_step_and_documents_named(value: float) -> None:
    run = FakeTraining(epochs=3, batch_size=2, gradient_accumulation=2, losses={5: value, 6: value})
    with pytest.raises(AtlopError, match="step 5: loss") as caught:
        run.fit()
    titles = {run.documents[index].title for batch in run.step.documents[4] for index in batch}
    message = str(caught.value)
    assert {f"title {number}" for number in range(10) if f'"title {number}"' in message} == titles
    assert [line["step"] for line in run.run.lines if "loss" in line] == [1, 2, 3, 4]


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    with pytest.raises(AtlopError, match=r"step 2: .*gradient norm nan"):
        FakeTraining(epochs=1, batch_size=2, norms={2: float("nan")}).fit()


def test_an_overflow_that_the_loss_scaler_skipped_does_not_stop() -> None:
    assert FakeTraining(epochs=1, batch_size=5, norms={2: float("inf")}, skipped=True).fit().step == 2


def test_broken_weights_are_never_evaluated_or_saved() -> None:
    run = FakeTraining(epochs=2, batch_size=2, losses={5: float("nan")})
    with pytest.raises(AtlopError):
        run.fit()
    assert run.evaluated_after == []
    assert run.run.saved == []


def test_too_few_documents_for_a_batch_are_refused_before_training() -> None:
    with pytest.raises(AtlopError, match="only 3 train documents"):
        FakeTraining(documents=3, batch_size=4)


def test_training_goes_on_in_the_middle_of_an_epoch_with_the_documents_that_are_left() -> None:
    complete = FakeTraining(epochs=3, batch_size=2, gradient_accumulation=2, evaluation_interval=2)
    complete.fit()
    for done in range(10):
        evaluated = done - done % 2
        resumed = FakeTraining(
            epochs=3,
            batch_size=2,
            gradient_accumulation=2,
            evaluation_interval=2,
            progress=Progress(step=done, epoch=done // 3, evaluated_step=evaluated if done < 9 else 9),
        )
        resumed.fit()
        assert resumed.step.documents == complete.step.documents[done:]
        assert [line["step"] for line in resumed.run.lines if "loss" in line] == list(range(done + 1, 10))


def test_an_evaluation_that_was_stopped_is_made_first() -> None:
    run = FakeTraining(epochs=2, batch_size=2, progress=Progress(step=5, epoch=0))
    run.fit()
    assert run.evaluated_after == [0, 5]
    assert [line["epoch"] for line in run.run.lines if "dev" in line] == [0, 1]


def test_checkpoints_come_at_their_interval_and_after_every_evaluation_once() -> None:
    run = FakeTraining(epochs=2, batch_size=1, checkpoint_interval=4)
    run.fit()
    assert [kept.step for kept in run.run.checkpoints] == [4, 8, 10, 12, 16, 20]
    assert [kept.evaluated_step for kept in run.run.checkpoints] == [0, 0, 10, 10, 10, 20]


def test_checkpoints_come_by_the_clock() -> None:
    run = FakeTraining(epochs=1, batch_size=2, checkpoint_minutes=0.0)
    run.fit()
    assert [kept.step for kept in run.run.checkpoints] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("after", "evaluated"), [(3, 0), (5, 0), (7, 5)])
def test_a_stop_leaves_a_checkpoint_after_the_running_step(after: int, evaluated: int) -> None:
    run = FakeTraining(epochs=2, batch_size=2, signal_after=(15, after))
    progress = run.fit()
    assert run.stopped == 15
    assert progress.step == after
    assert [line["step"] for line in run.run.lines if "loss" in line] == list(range(1, after + 1))
    assert (run.run.checkpoints[-1].step, run.run.checkpoints[-1].evaluated_step) == (after, evaluated)


def test_steps_that_are_not_finite_are_skipped_up_to_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    nan = float("nan")
    run = FakeTraining(epochs=1, batch_size=1, losses={2: nan, 7: nan}, norms={2: nan}, max_skipped_steps=2)
    assert run.fit().skipped_steps == 2
    assert [line["step"] for line in run.run.lines if line.get("skipped")] == [2, 7]
    assert [line["step"] for line in run.run.lines if "loss" in line] == [1, 3, 4, 5, 6, 8, 9, 10]
    assert "step 7: loss nan" in caplog.text
    with pytest.raises(AtlopError, match=r"step 7: .*max_skipped_steps is 1"):
        FakeTraining(epochs=1, batch_size=1, losses={2: nan, 7: nan}, max_skipped_steps=1).fit()


def test_no_checkpoint_is_written_of_steps_that_are_not_finite() -> None:
    run = FakeTraining(epochs=1, batch_size=1, losses={3: float("nan")}, checkpoint_interval=2)
    with pytest.raises(AtlopError, match="step 3"):
        run.fit()
    assert [kept.step for kept in run.run.checkpoints] == [2]


def test_training_ends_when_patience_runs_out_and_the_best_is_kept() -> None:
    run = FakeTraining(epochs=8, batch_size=5, f1=(0.2, 0.4, 0.3, 0.4, 0.39, 0.9), patience=3)
    progress = run.fit()
    assert run.stopped == 0
    assert run.evaluated_after == [2, 4, 6, 8, 10]
    assert (progress.best and progress.best.f1, progress.best_step) == (0.4, 4)
    assert run.run.saved[-1] == (10, False)
    assert run.training.stopped_early() == {"step": 10, "of": 16, "evaluations_since_best": 3}


def test_a_new_best_resets_patience() -> None:
    run = FakeTraining(epochs=6, batch_size=10, f1=(0.2, 0.1, 0.3, 0.2, 0.4, 0.1), patience=2)
    assert run.fit().step == 6
    assert run.training.stopped_early() is None


def test_patience_counts_on_over_a_stop() -> None:
    first = FakeTraining(epochs=9, batch_size=10, f1=(0.4, 0.3, 0.2), patience=3, signal_after=(15, 4))
    first.fit()
    kept = first.run.checkpoints[-1]
    assert (kept.evaluated_step, kept.evaluations_since_best) == (3, 2)
    second = FakeTraining(epochs=9, batch_size=10, f1=(0.1,), patience=3, progress=replace(kept))
    assert second.fit().step == 4
    assert second.step.documents == []


def test_a_training_without_patience_left_makes_no_step() -> None:
    best = official_scores([], predictions=[], train_facts=None)
    run = FakeTraining(
        epochs=9, batch_size=10, patience=2,
        progress=Progress(step=4, epoch=3, evaluated_step=4, best=best, best_step=2, evaluations_since_best=2),
    )  # fmt: skip
    run.fit()
    assert run.step.documents == []
    assert run.evaluated_after == []


@pytest.mark.parametrize("losses", [{}, {2: float("nan")}])
def test_no_thread_is_left(losses: dict[int, float]) -> None:
    before = active_count()
    try:
        FakeTraining(epochs=2, batch_size=1, losses=losses).fit()
    except AtlopError:
        assert losses
    assert active_count() == before
