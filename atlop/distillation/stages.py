"""Teachers by cross-fitting, one for each fold of the train documents and trained without it, and their folder."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from atlop.config import DistillationConfig, RunConfig
from atlop.config_files import load_config
from atlop.corpora import CorpusFile
from atlop.errors import AtlopError
from atlop.experiments import ExperimentFolder, PlannedRun
from atlop.experiments.devices import refuse_launched, train_side_by_side
from atlop.run_folder import RunFolder, keep_precision, refuse_changed_config
from atlop.training import train

logger = logging.getLogger(__name__)


class Stages:
    """The stages of a folder; logs when each begins, the time left by the pace of finished ones, and dev scores."""

    def __init__(self, folder: ExperimentFolder, *, work: Mapping[str, float], device: str | None, show_progress: bool):
        """Begin with nothing done.

        Args:
            folder: Where runs and logs lie.
            work: Cost of each stage in any unit, in their order.
            device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
            show_progress: Whether to draw progress bars.
        """
        self.folder = folder
        self.results: dict[str, dict[str, Any]] = {}
        """Seconds of each finished stage, and dev scores of a training."""
        self._work, self._names = dict(work), list(work)
        self._done = self._seconds = 0.0
        self._device, self._show_progress = device, show_progress

    def begin(self, stage: str) -> None:
        """Log that a stage begins."""
        left = sum(self._work.values())
        pace = f"about {tqdm.format_interval(self._seconds / self._done * left)} left" if self._done else "first stage"
        logger.info("stage %d of %d, %s; %s", self._names.index(stage) + 1, len(self._names), stage, pace)

    def finish(self, stage: str, *, seconds: float, **results: Any) -> None:
        """Record what a stage took and gave."""
        self.results[stage] = {"seconds": seconds, **results}
        self._done += self._work.pop(stage)
        self._seconds += seconds

    def train(self, run: PlannedRun) -> None:
        """Train a run, resume it, or only read its summary if it is finished."""
        self.begin(run.name)
        summary = train(
            run.config,
            output=self.folder.run(run),
            resume=True,
            device=self._device,
            show_progress=self._show_progress,
        )
        dev = summary["best"]
        shown = ("–" if dev[key] is None else f"{100 * dev[key]:.2f}" for key in ("f1", "precision", "recall"))
        logger.info("%s: dev F1 %s, precision %s, recall %s", run.name, *shown)
        self.finish(run.name, seconds=summary["seconds"], dev=dev)


def check_folds(config: RunConfig, *, folds: int, device: str | None) -> None:
    """Refuse what no teachers can be trained with.

    Raises:
        AtlopError: The configuration leaves out a fold, there are fewer than two, or several processes were launched.
    """
    for key in ("leave_out", "train_documents"):
        if getattr(config.data, key) is not None:
            raise AtlopError(f"data.{key}: what each teacher trains on is chosen by the folds; leave the setting out")
    if folds < 2:
        raise AtlopError(f"--folds {folds}: a teacher is trained without one fold of several; expected at least 2")
    refuse_launched(device=device)


def teacher_names(folds: int) -> list[str]:
    """Return the name of each teacher, in the order of the folds that they are trained without."""
    return [f"teacher-{fold}" for fold in range(1, folds + 1)]


def train_teachers(
    config: RunConfig, *, documents: int, folds: int, file: CorpusFile, stages: Stages, devices: Sequence[str]
) -> list[Path]:
    """Train a teacher for each fold of the train documents, without that fold; finished ones are kept.

    Args:
        config: Their configuration, whose section `distillation` does not count.
        documents: Number of train documents.
        folds: Number of folds.
        file: The train file.
        stages: The stages of the folder, which has a stage of each teacher's name.
        devices: Train them side by side, one at a time on each of these; one after the other if there are none.

    Returns:
        The run of each teacher, in the order of the folds.

    Raises:
        AtlopError: There are fewer documents than folds, a teacher was begun with other settings or documents, or a
            training fails.
        StoppedError: A signal stopped a training.
    """
    if folds > documents:
        raise AtlopError(f"--folds {folds}: {file.path} has only {documents} documents; choose fewer")
    runs = [_teacher(config, name, fold=(fold, folds)) for fold, name in enumerate(teacher_names(folds), start=1)]
    for run in runs:
        refuse_changed_run(stages.folder.run(run), config=run.config, files={config.data.train: file})
    if devices:
        logger.info("teachers are trained side by side; their logs are in %s", stages.folder.path / "logs")
        train_side_by_side(runs, folder=stages.folder, devices=devices)
    for run in runs:
        stages.train(run)
    return [stages.folder.run(run) for run in runs]


def _teacher(config: RunConfig, name: str, *, fold: tuple[int, int]) -> PlannedRun:
    """Return the run of the teacher that is trained without a fold."""
    sections: dict[str, Any] = {
        "data": config.data.model_copy(update={"leave_out": fold}),
        "distillation": DistillationConfig(),
    }
    if config.evidence.is_taught:
        sections["evidence"] = config.evidence.model_copy(update={"source": "annotated"})
    return PlannedRun(name, config.trainer.seed, config.model_copy(update=sections))


def refuse_changed_run(run: Path, *, config: RunConfig, files: Mapping[Path, CorpusFile]) -> None:
    """Refuse a run that was begun with other settings or documents; a teacher may have seen those that it scores.

    Args:
        run: The run's folder, which may not be there yet.
        config: Its configuration now.
        files: What it is trained on, by the path that its configuration names.

    Raises:
        AtlopError: They differ.
    """
    folder = RunFolder(run)
    if not folder.config.exists():
        return
    settings = load_config(str(folder.config))
    refuse_changed_config(run, began=settings, now=keep_precision(settings, config))
    began = folder.environment()["data_sha256"]
    for path, file in files.items():
        main, *others = file.sha256.values()
        if began.get(str(path)) != main or not {*others} <= {*began.values()}:
            raise AtlopError(
                f"{file.path}: is another file than {run} was trained on, or has changed since; give or restore that "
                "one, or use a new folder"
            )
