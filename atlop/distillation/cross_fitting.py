"""Cross-fitting: the soft targets of a document come from a teacher that was trained without it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from atlop.config import RunConfig
from atlop.corpora import CorpusFile
from atlop.device import cublas_workspace
from atlop.distillation.stages import Stages, check_folds, refuse_changed_run, teacher_names, train_teachers
from atlop.errors import AtlopError, StoppedError
from atlop.experiments import ExperimentFolder, PlannedRun
from atlop.experiments.devices import device_name
from atlop.files import one_writer, read_json, refuse_nonempty, write_json
from atlop.preprocessing import fold_numbers
from atlop.teachers import corpus_files, refuse_half_labelled, stored_margins
from atlop.training.schedule import Schedule

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
    with one_writer(output, is_folder=True), cublas_workspace(deterministic=config.trainer.deterministic):
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
    check_folds(config, folds=folds, device=device)


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
    counts = {name: _count(file, is_mixed_in=name == "unlabelled") for name, file in {**files, "dev": dev}.items()}
    margins = Path(os.path.relpath(folder.path / MARGINS))  # the same in the student's record, however it is spelled
    section = config.distillation.model_copy(update={"margins": margins})
    student = PlannedRun(STUDENT, config.trainer.seed, config.model_copy(update={"distillation": section}))
    stages = Stages(folder, work=_work(config, counts, folds=folds), device=device, show_progress=show_progress)
    paths = {file.path: file for file in files.values()}
    refuse_changed_run(folder.run(student), config=student.config, files=paths)  # before its margins are made anew
    teachers = train_teachers(
        config, documents=counts["train"], folds=folds, file=files["train"], stages=stages, devices=devices
    )
    stages.begin(MARGINS)
    started, before = monotonic(), _recorded_seconds(folder.path, stage=MARGINS)
    written = _times(margins)
    for name, file in files.items():
        stored_margins(
            margins / name,
            file=file,
            teachers=teachers,
            teacher_of=fold_numbers(counts["train"], folds=folds) - 1 if name == "train" else None,
            device=device,
            show_progress=show_progress,
        )
    stages.finish(MARGINS, seconds=before if written == _times(margins) else monotonic() - started)
    _write_summary(folder.path, stages.results, folds=folds)
    stages.train(student)
    return _write_summary(folder.path, stages.results, folds=folds)


def _work(config: RunConfig, counts: Mapping[str, int], *, folds: int) -> dict[str, float]:
    """Return the cost of each stage in documents that are read; a step reads a document about three times."""
    further = counts.get("unlabelled", 0)
    student = Schedule(
        config.trainer, documents=counts["train"], further=further, share=config.distillation.unlabelled_share
    )
    teacher = Schedule(config.trainer, documents=counts["train"] - counts["train"] // folds)
    return {
        **dict.fromkeys(teacher_names(folds), _training_work(teacher, dev=counts["dev"])),
        MARGINS: counts["train"] + folds * further,
        STUDENT: _training_work(student, dev=counts["dev"]),
    }


def _training_work(schedule: Schedule, *, dev: int) -> float:
    evaluations = sum(map(schedule.is_evaluated, range(1, schedule.total + 1)))
    return 3 * schedule.documents_after(schedule.total) + evaluations * dev


def _count(file: CorpusFile, *, is_mixed_in: bool) -> int:
    """Return the number of documents; those to mix in must have labels, or none."""
    documents = unlabelled = 0
    for document in file:
        documents += 1
        unlabelled += document.facts is None
    if is_mixed_in:
        refuse_half_labelled(file.path, documents=documents, unlabelled=unlabelled)
    return documents


def _times(margins: Path) -> dict[str, int]:
    """Return when each file of a folder was written."""
    return {path.name: path.stat().st_mtime_ns for path in margins.glob("*.json")}


def _write_summary(folder: Path, stages: Mapping[str, dict[str, Any]], *, folds: int) -> dict[str, Any]:
    summary = {"folds": folds, "stages": [{"name": name, **stage} for name, stage in stages.items()]}
    write_json(folder / "summary.json", summary)
    return summary


def _recorded_seconds(folder: Path, *, stage: str) -> float:
    """Return the seconds that an earlier call recorded for a stage; 0 without a record."""
    path = folder / "summary.json"
    stages = read_json(path).get("stages", []) if path.exists() else []
    return float(next((each["seconds"] for each in stages if each["name"] == stage), 0.0))
