"""An interrupted run resumes from its last checkpoint with the same results as an uninterrupted one."""

import errno
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from atlop import device
from atlop.config import (
    ClassifierConfig,
    DataConfig,
    EncoderConfig,
    OptimizerConfig,
    PreprocessingConfig,
    RunConfig,
    TrainerConfig,
)
from atlop.config_files import load_config
from atlop.errors import AtlopError, StoppedError
from atlop.files import file_sha256
from atlop.prediction import predict_facts
from atlop.preprocessing import Batch
from atlop.run_folder import CHANGEABLE, RunFolder
from atlop.schema import Fact
from atlop.stopping import StopRequests
from atlop.training import build, checkpoint, run, train, trainer
from atlop.training.step import StepMetrics, TrainStep
from tests.golden_values import GOLDEN, write_short_documents
from tests.leftovers import leftover
from tests.tiny_encoders import save_tiny_encoder


class PowerCutError(BaseException):
    """Not caught by any handler, like the end of the process."""


def short_training(folder: Path) -> RunConfig:
    """Three epochs of three steps with two documents each, with dropout; its files lie in a folder."""
    corpus = write_short_documents(folder / "documents.json")
    return RunConfig(
        data=DataConfig(train=corpus, dev=corpus, relations=GOLDEN / "rel2id.json"),
        encoder=EncoderConfig(name=save_tiny_encoder(folder / "encoder", dropout=0.1)),
        preprocessing=PreprocessingConfig(max_length=100),
        classifier=ClassifierConfig(representation_size=32, block_size=8),
        optimizer=OptimizerConfig(encoder_learning_rate=1e-3, new_layers_learning_rate=1e-2),
        trainer=TrainerConfig(
            epochs=3, batch_size=1, gradient_accumulation=2, precision="float32", checkpoint_interval=1
        ),
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return short_training(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def uninterrupted(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was not interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(config, output=folder, show_progress=False)
    return folder


@pytest.fixture
def interrupted(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was interrupted in step 4; it has checkpoints of steps 2 and 3."""
    return interrupt_after(3, config=config, folder=tmp_path / "cut", monkeypatch=monkeypatch)


def with_trainer(config: RunConfig, **changes: Any) -> RunConfig:
    return config.model_copy(update={"trainer": config.trainer.model_copy(update=changes)})


def interrupt_after(steps: int, *, config: RunConfig, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train until the power fails during a step."""
    step, done = TrainStep.__call__, 0

    def cutting(self: TrainStep, batches: Sequence[Batch]) -> StepMetrics:
        nonlocal done
        metrics = step(self, batches)
        done += 1
        if done > steps:
            raise PowerCutError
        return metrics

    with monkeypatch.context() as patch:
        patch.setattr(TrainStep, "__call__", cutting)
        with pytest.raises(PowerCutError):
            train(config, output=folder, show_progress=False)
    return folder


def resume(config: RunConfig, folder: Path) -> dict[str, Any]:
    return train(config, output=folder, resume=True, show_progress=False)


def results_of(folder: Path) -> dict[str, Any]:
    """The results of a run, without times."""

    def without_time(line: str) -> dict[str, Any]:
        return {key: value for key, value in json.loads(line).items() if key != "seconds"}

    return {
        "metrics": [without_time(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()],
        "summary": without_time((folder / "summary.json").read_text("utf-8")),
        "files": sorted(str(path.relative_to(folder)) for path in folder.rglob("*")),
        "models": {  # without their cards, which show the settings
            str(path.relative_to(folder)): file_sha256(path)
            for name in ("best", "last")
            for path in (folder / name).iterdir()
            if path.name != "README.md"
        },
    }


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("steps", [0, 2, 3, 7])
def test_a_run_cut_in_any_step_ends_with_the_same_bits(
    steps: int, config: RunConfig, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = interrupt_after(steps, config=config, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    resume(config, folder)
    assert results_of(folder) == results_of(uninterrupted)


def test_a_run_that_knows_relations_by_words_ends_with_the_same_bits(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config.model_copy(update={"classifier": config.classifier.model_copy(update={"kind": "labels"})})
    train(config, output=tmp_path / "whole", show_progress=False)
    folder = interrupt_after(4, config=config, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    resume(config, folder)
    assert results_of(folder) == results_of(tmp_path / "whole")


def test_a_run_cut_twice_in_bf16_ends_with_the_same_bits(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_trainer(config, precision="bf16", evaluation_interval=2, checkpoint_interval=None)
    train(config, output=tmp_path / "whole", show_progress=False)
    folder = interrupt_after(3, config=config, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    assert checkpoints(folder) == ["00000002"]
    with monkeypatch.context() as patch:
        patch.setattr(run, "save_model", cut_power)
        with pytest.raises(PowerCutError):
            resume(config, folder)
    resume(config, folder)
    assert results_of(folder) == results_of(tmp_path / "whole")


def test_a_run_with_averaged_weights_cut_in_any_step_ends_with_the_same_bits(
    config: RunConfig, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    averaged = with_trainer(config, ema_decay=0.4)
    train(averaged, output=tmp_path / "whole", show_progress=False)
    for steps in (2, 3, 5):  # 3 ends an epoch
        folder = interrupt_after(steps, config=averaged, folder=tmp_path / f"cut {steps}", monkeypatch=monkeypatch)
        assert (folder / "checkpoints" / f"{steps:08d}" / "average.safetensors").exists()
        resume(averaged, folder)
        assert results_of(folder) == results_of(tmp_path / "whole")
    plain, found = results_of(uninterrupted), results_of(tmp_path / "whole")
    losses = [[line.get("loss") for line in run["metrics"]] for run in (plain, found)]
    assert losses[0] == losses[1]  # the weights that are trained are those without an average
    assert plain["models"]["last/model.safetensors"] != found["models"]["last/model.safetensors"]


def test_a_checkpoint_whose_average_is_missing_or_damaged_is_skipped_for_the_previous_one(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    averaged = with_trainer(config, ema_decay=0.4, checkpoints_kept=3)
    folder = interrupt_after(3, config=averaged, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    (folder / "checkpoints" / "00000003" / "average.safetensors").unlink()
    damage(folder / "checkpoints" / "00000002" / "average.safetensors")
    resume(averaged, folder)
    assert "00000003: damaged checkpoint: averaged weights are missing, unknown, or of another" in caplog.text
    assert "00000002: damaged checkpoint: average.safetensors does not match its checksum" in caplog.text
    assert json.loads((folder / "summary.json").read_text("utf-8"))["steps"] == 9


def cut_power(*_: Any, **__: Any) -> None:
    raise PowerCutError


def test_the_last_checkpoints_are_kept_until_training_ends(interrupted: Path, uninterrupted: Path) -> None:
    assert checkpoints(interrupted) == ["00000002", "00000003"]
    assert {path.name for path in (interrupted / "checkpoints" / "00000003").iterdir()} == {
        "model.safetensors", "optimizer.safetensors", "state.json", "sha256.txt",
    }  # fmt: skip
    assert not (uninterrupted / "checkpoints").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "sha256.txt"])
def test_a_damaged_checkpoint_is_skipped_for_the_previous_one(
    name: str, config: RunConfig, interrupted: Path, uninterrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(interrupted / "checkpoints" / "00000003" / name)
    resume(config, interrupted)
    assert "checkpoints/00000003: damaged checkpoint: " in caplog.text
    assert "trying the previous one" in caplog.text
    assert results_of(interrupted) == results_of(uninterrupted)


def test_a_checkpoint_without_its_metrics_is_skipped(config: RunConfig, interrupted: Path, uninterrupted: Path) -> None:
    lines = (interrupted / "metrics.jsonl").read_text("utf-8").splitlines(keepends=True)
    (interrupted / "metrics.jsonl").write_text("".join(lines[:3]), "utf-8")  # two steps and an evaluation
    resume(config, interrupted)
    assert results_of(interrupted) == results_of(uninterrupted)


def test_a_run_does_not_start_over_if_all_checkpoints_are_damaged(config: RunConfig, interrupted: Path) -> None:
    for name in checkpoints(interrupted):
        (interrupted / "checkpoints" / name / "state.json").unlink()
    before = (interrupted / "metrics.jsonl").read_bytes()
    with pytest.raises(AtlopError, match=r"every checkpoint is damaged; remove them to start over"):
        resume(config, interrupted)
    assert (interrupted / "metrics.jsonl").read_bytes() == before


def test_a_model_that_was_being_replaced_is_found(config: RunConfig, interrupted: Path, uninterrupted: Path) -> None:
    temporary = interrupted / leftover()
    shutil.copytree(interrupted / "last", temporary / "new")
    (temporary / "old").mkdir()
    (interrupted / "best").rename(temporary / "old" / "best")
    resume(config, interrupted)
    assert results_of(interrupted) == results_of(uninterrupted)


def test_files_that_were_being_written_are_tidied_away(
    config: RunConfig, interrupted: Path, uninterrupted: Path
) -> None:
    shutil.copytree(uninterrupted / "best", interrupted / "best", dirs_exist_ok=True)  # which is the best from here on
    for folder in (".", "best", "last"):
        (interrupted / folder / leftover()).touch()
    resume(config, interrupted)
    assert results_of(interrupted) == results_of(uninterrupted)


def test_a_run_that_has_ended_only_gives_its_summary(config: RunConfig, uninterrupted: Path) -> None:
    before = results_of(uninterrupted)
    assert resume(config, uninterrupted) == json.loads((uninterrupted / "summary.json").read_text("utf-8"))
    assert results_of(uninterrupted) == before


def test_a_run_that_has_not_begun_begins(config: RunConfig, uninterrupted: Path, tmp_path: Path) -> None:
    left = tmp_path / "run"
    left.mkdir()
    (left / "environment.json").write_text("{", "utf-8")
    (left / leftover()).touch()
    resume(config, left)
    assert results_of(left) == results_of(uninterrupted)


def test_a_folder_of_something_else_is_not_resumed(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(AtlopError, match="already exists"):
        resume(config, tmp_path)


def test_another_configuration_is_refused_and_each_setting_named(config: RunConfig, interrupted: Path) -> None:
    with pytest.raises(AtlopError, match=r"trainer\.epochs was 3, now 4; trainer\.seed was 66, now 67"):
        resume(with_trainer(config, seed=67, epochs=4), interrupted)


def test_a_run_keeps_the_precision_that_was_chosen_when_it_began(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    automatic = with_trainer(config, precision="auto")
    with monkeypatch.context() as patch:
        patch.setattr(device, "cpu_multiplies_bf16", lambda: (True, "the test says so"))
        train(automatic, output=tmp_path / "whole", show_progress=False)
        folder = interrupt_after(3, config=automatic, folder=tmp_path / "cut", monkeypatch=patch)
    monkeypatch.setattr(device, "cpu_multiplies_bf16", lambda: (False, "another machine"))
    assert load_config(str(folder / "config.toml")).trainer.precision == "bf16"
    resume(automatic, folder)
    assert results_of(folder) == results_of(tmp_path / "whole")
    with pytest.raises(AtlopError, match=r"trainer\.precision was 'bf16', now 'float32'"):
        resume(config, folder)


def test_a_run_that_began_in_a_precision_that_the_machine_lacks_says_so(config: RunConfig, interrupted: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("the machine has it")
    RunFolder(interrupted).write_config(with_trainer(config, precision="fp16"))
    with pytest.raises(AtlopError, match=r"precision fp16: needs a GPU; .*a run keeps the precision"):
        resume(with_trainer(config, precision="auto"), interrupted)


def test_patience_ends_a_run_and_the_summary_says_when(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = config.model_copy(
        update={"optimizer": OptimizerConfig(encoder_learning_rate=0, new_layers_learning_rate=0)}
    )
    patient = with_trainer(still, epochs=9, patience=2)
    summary = train(patient, output=tmp_path / "whole", show_progress=False)
    assert summary["steps"] == 9  # of three epochs: a best, and two without
    assert summary["stopped_early"] == {"step": 9, "of": 27, "evaluations_since_best": 2}
    rates = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert len(rates) == 12
    folder = interrupt_after(7, config=patient, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    resume(patient, folder)
    assert results_of(folder) == results_of(tmp_path / "whole")


def test_a_configuration_that_was_edited_in_the_run_is_refused(config: RunConfig, interrupted: Path) -> None:
    RunFolder(interrupted).write_config(with_trainer(config, seed=67))
    with pytest.raises(AtlopError, match=r"trainer\.seed was 66, now 67"):
        resume(with_trainer(config, seed=67), interrupted)


def test_settings_that_affect_no_result_may_change(config: RunConfig, interrupted: Path, uninterrupted: Path) -> None:
    resume(with_trainer(config, checkpoints_kept=1, checkpoint_interval=None, max_skipped_steps=3), interrupted)
    assert "max_skipped_steps = 3" in (interrupted / "config.toml").read_text("utf-8")
    assert results_of(interrupted) == results_of(uninterrupted)


def test_changed_data_are_refused(
    config: RunConfig, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = json.loads(tiny_corpus.read_text("utf-8"))
    own = tmp_path / "own.json"
    own.write_text(json.dumps(rows), "utf-8")
    config = config.model_copy(update={"data": config.data.model_copy(update={"dev": own})})
    folder = interrupt_after(1, config=config, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    own.write_text(json.dumps(rows[:-1]), "utf-8")
    with pytest.raises(AtlopError, match=r"own\.json has changed"):
        resume(config, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code_sha256": "0"}, "the code of atlop has changed"),
        ({"python": "3.0"}, r"Python was 3\.0, now "),
        ({"packages": {"torch": "1.0"}}, r"torch was 1\.0, now "),
    ],
)
def test_changed_code_is_refused(change: dict[str, Any], message: str, config: RunConfig, interrupted: Path) -> None:
    path = interrupted / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(AtlopError, match=message):
        resume(config, interrupted)


def test_another_machine_gives_a_warning(
    config: RunConfig, interrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = interrupted / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"machine": {}}), "utf-8")
    resume(config, interrupted)
    assert "the last digits of numbers may differ" in caplog.text


def test_a_full_disk_is_one_message_and_leaves_earlier_checkpoints(
    config: RunConfig, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def failing(tensors: dict[str, Tensor], path: Path) -> None:
        nonlocal written
        written += 1
        if written == 6:  # the optimizer's file in the third checkpoint
            path.write_bytes(b"a beginning")
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", failing)
        with pytest.raises(AtlopError) as caught:
            train(config, output=tmp_path / "run", show_progress=False)
    assert checkpoints(tmp_path / "run") == ["00000001", "00000002"]
    assert "No space left on device" in str(caught.value)
    assert f"The last good checkpoint is {tmp_path / 'run' / 'checkpoints' / '00000002'}" in str(caught.value)
    resume(config, tmp_path / "run")
    assert results_of(tmp_path / "run") == results_of(uninterrupted)


@pytest.mark.parametrize("during", ["step", "evaluation"])
def test_a_signal_stops_with_a_checkpoint_and_a_resume_hint(
    during: str, config: RunConfig, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[StopRequests] = []

    class Watched(StopRequests):
        def __init__(self) -> None:
            super().__init__()
            requests.append(self)

    step, steps, evaluations = TrainStep.__call__, 0, 0

    def stepped(self: TrainStep, batches: Sequence[Batch]) -> StepMetrics:
        nonlocal steps
        steps += 1
        if during == "step" and steps == 5:
            requests[0].signal = 15
        return step(self, batches)

    def predicted(*arguments: Any, **named: Any) -> list[tuple[Fact, ...]]:
        nonlocal evaluations
        evaluations += 1
        if during == "evaluation" and evaluations == 2:
            requests[0].signal = 15
        return predict_facts(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "StopRequests", Watched)
        patch.setattr(TrainStep, "__call__", stepped)
        patch.setattr(build, "predict_facts", predicted)
        with pytest.raises(StoppedError, match=r"stopped by SIGTERM after step") as caught:
            train(config, output=tmp_path / "run", show_progress=False)
    assert f"`atlop train --resume {tmp_path / 'run'}` resumes from it" in str(caught.value)
    assert caught.value.exit_code == 143
    assert checkpoints(tmp_path / "run")[-1] == {"step": "00000005", "evaluation": "00000006"}[during]
    resume(config, tmp_path / "run")
    assert results_of(tmp_path / "run") == results_of(uninterrupted)


def test_every_setting_that_may_change_is_one() -> None:
    known = RunConfig(data=DataConfig(train=Path("a"), dev=Path("b")), encoder=EncoderConfig(name="c"))
    for key in CHANGEABLE:
        section, _, name = key.partition(".")
        assert name in type(getattr(known, section)).model_fields
