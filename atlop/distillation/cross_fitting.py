"""Cross-fitting: the soft targets of a document come from a teacher that was trained without it."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from tqdm import tqdm

from atlop.config import DistillationConfig, RunConfig
from atlop.corpora import CorpusFile
from atlop.device import accelerator_for
from atlop.errors import AtlopError, StoppedError
from atlop.experiments import ExperimentFolder, PlannedRun
from atlop.experiments.devices import device_name, train_side_by_side
from atlop.files import one_writer, read_json, refuse_nonempty, write_json
from atlop.preprocessing import fold_numbers
from atlop.run_folder import RunFolder
from atlop.teachers import corpus_files, stored_margins
from atlop.training import train

logger = logging.getLogger(__name__)

MARGINS, STUDENT = "margins", "student"
"""Names of stages and of their folders."""


def distill(
    config: RunConfig,
    *,
    output: Path,
    folds: int = 5,
    resume: bool = False,
    device: str | None = None,
    devices: Sequence[str] = (),
    show_progress: bool = True,
) -> dict[str, Any]:
    """Train a teacher for each fold of the train documents, without that fold, and a student on their margins.

    The student's soft targets of a train document are the margins of the teacher that was trained without it, those of
    an unlabelled document the mean of all teachers. Finished stages are kept and an interrupted one is resumed.

    Args:
        config: The student's configuration; without its section `distillation`, it is that of the teachers. With
            `evidence.source=teachers`, these learn annotated evidence.
        output: Folder of all stages: `runs/teacher-1`, …, `margins/`, `runs/student` and `summary.json`.
        folds: Number of folds.
        resume: Whether to go on in a folder that is not empty.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        devices: Train teachers side by side, one at a time on each: `cpu`, or the number of a GPU.
        show_progress: Whether to draw progress bars.

    Returns:
        The contents of `summary.json`: folds, and for each stage its name, dev scores from 0 to 1 and seconds.

    Raises:
        AtlopError: The configuration is not that of a student, the folder is not empty, or a stage fails.
        StoppedError: A signal stopped a training.
    """
    if devices:
        device, *_ = map(device_name, devices)
    _check(config, folds=folds, device=device)
    with one_writer(output, is_folder=True):
        if not resume:
            refuse_nonempty(output)
        try:
            return _run(
                config, ExperimentFolder(output), folds, device=device, devices=devices, show_progress=show_progress
            )
        except StoppedError as stopped:
            message = f"{stopped}. `atlop distill … --resume {output}` goes on with the remaining stages"
            raise StoppedError(message, exit_code=stopped.exit_code) from None


def _check(config: RunConfig, *, folds: int, device: str | None) -> None:
    section = config.distillation
    if section.teachers or section.margins is not None:
        raise AtlopError("distillation: teachers and margins are made by `atlop distill`; leave them out")
    if not section.weight and not config.evidence.is_taught:
        raise AtlopError("distillation.weight: with 0, no student learns from teachers; expected a weight above 0")
    for key in ("leave_out", "train_documents"):
        if getattr(config.data, key) is not None:
            raise AtlopError(f"data.{key}: what each teacher trains on is chosen by `atlop distill`; leave it out")
    if folds < 2:
        raise AtlopError(f"--folds {folds}: a teacher is trained without one fold of several; expected at least 2")
    if (processes := accelerator_for("float32", device=device).num_processes) > 1:
        raise AtlopError(f"{processes} processes were launched; start `atlop distill` alone, with --devices")


def _run(
    config: RunConfig,
    folder: ExperimentFolder,
    folds: int,
    *,
    device: str | None,
    devices: Sequence[str],
    show_progress: bool,
) -> dict[str, Any]:
    files = corpus_files(config)
    dev = CorpusFile(config.data.dev, format=config.data.format, invalid=config.data.invalid)
    counts = {name: sum(1 for _ in file) for name, file in {**files, "dev": dev}.items()}
    if folds > counts["train"]:
        raise AtlopError(f"--folds {folds}: {config.data.train} has only {counts['train']} documents; choose fewer")
    margins = folder.path / MARGINS
    section = config.distillation.model_copy(update={"margins": margins})
    teachers = [_teacher(config, fold, folds=folds) for fold in range(1, folds + 1)]
    student = PlannedRun(STUDENT, config.trainer.seed, config.model_copy(update={"distillation": section}))
    clock = _Clock(_work(config, counts, folds=folds))
    summaries: dict[str, dict[str, Any]] = {}

    def trained(run: PlannedRun) -> None:
        clock.announce(run.name)
        summary = train(run.config, output=folder.run(run), resume=True, device=device, show_progress=show_progress)
        summaries[run.name] = {"seconds": summary["seconds"], "dev": summary["best"]}
        clock.finish(run.name, summary["seconds"])

    if devices:
        logger.info("teachers are trained side by side; their logs are in %s", folder.path / "logs")
        train_side_by_side(teachers, folder=folder, devices=devices)
    for run in teachers:
        trained(run)
        _refuse_changed_data(folder.run(run), file=files["train"])
    clock.announce(MARGINS)
    started, before = monotonic(), _recorded_seconds(folder.path, stage=MARGINS)
    was_there = all((margins / f"{name}.json").exists() for name in files)
    for name, file in files.items():
        stored_margins(
            margins / name,
            file=file,
            teachers=[folder.run(run) for run in teachers],
            teacher_of=fold_numbers(counts["train"], folds=folds) - 1 if name == "train" else None,
            device=device,
            show_progress=show_progress,
        )
    summaries[MARGINS] = {"seconds": before if was_there else monotonic() - started}
    _write_summary(folder.path, summaries, folds=folds)
    clock.finish(MARGINS, summaries[MARGINS]["seconds"])
    trained(student)
    return _write_summary(folder.path, summaries, folds=folds)


def _teacher(config: RunConfig, fold: int, *, folds: int) -> PlannedRun:
    """Return the run of the teacher that is trained without a fold."""
    sections: dict[str, Any] = {
        "data": config.data.model_copy(update={"leave_out": (fold, folds)}),
        "distillation": DistillationConfig(),
    }
    if config.evidence.is_taught:
        sections["evidence"] = config.evidence.model_copy(update={"source": "annotated"})
    return PlannedRun(f"teacher-{fold}", config.trainer.seed, config.model_copy(update=sections))


def _refuse_changed_data(run: Path, *, file: CorpusFile) -> None:
    """Refuse a finished teacher of another train file, among whose documents it may have seen those that it scores."""
    began = RunFolder(run).environment()["data_sha256"]
    if changed := [path for path, digest in file.sha256.items() if began.get(path) != digest]:
        raise AtlopError(f"{changed[0]}: has changed since {run} was trained; restore it, or distill into a new folder")


def _work(config: RunConfig, counts: Mapping[str, int], *, folds: int) -> dict[str, float]:
    """Return the cost of each stage in documents that are read; a step reads a document about three times."""
    train_documents, further, epochs = counts["train"], counts.get("unlabelled", 0), config.trainer.epochs
    drawn = further * config.distillation.unlabelled_share
    teacher = epochs * (3 * train_documents * (1 - 1 / folds) + counts["dev"])
    return {
        **{f"teacher-{fold}": teacher for fold in range(1, folds + 1)},
        MARGINS: train_documents + folds * further,
        STUDENT: epochs * (3 * (train_documents + drawn) + counts["dev"]),
    }


class _Clock:
    """Logs the beginning of each stage and the time left, from the pace of the finished ones."""

    def __init__(self, work: Mapping[str, float]):
        self._work, self._stages = dict(work), list(work)
        self._done = self._seconds = 0.0

    def announce(self, stage: str) -> None:
        left = sum(self._work.values())
        pace = f"about {tqdm.format_interval(self._seconds / self._done * left)} left" if self._done else "first stage"
        logger.info("stage %d of %d, %s; %s", self._stages.index(stage) + 1, len(self._stages), stage, pace)

    def finish(self, stage: str, seconds: float) -> None:
        self._done += self._work.pop(stage)
        self._seconds += seconds


def _write_summary(folder: Path, stages: Mapping[str, dict[str, Any]], *, folds: int) -> dict[str, Any]:
    summary = {"folds": folds, "stages": [{"name": name, **stage} for name, stage in stages.items()]}
    write_json(folder / "summary.json", summary)
    return summary


def _recorded_seconds(folder: Path, *, stage: str) -> float:
    """Return the seconds that an earlier call recorded for a stage; 0 without a record."""
    path = folder / "summary.json"
    stages = read_json(path).get("stages", []) if path.exists() else []
    return float(next((each["seconds"] for each in stages if each["name"] == stage), 0.0))
