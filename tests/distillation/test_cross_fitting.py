"""`atlop distill`: soft targets of documents that a teacher never saw; each stage resumes to the same bytes."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlop import teachers
from atlop.config import DistillationConfig, RunConfig
from atlop.config_files import dump_config
from atlop.corpora import read_corpus
from atlop.device import accelerator_for
from atlop.distillation import cross_fitting, distill
from atlop.distillation.cross_fitting import _work
from atlop.ensemble import load_ensemble
from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.preprocessing import FLOOR, MarginStore, fold_numbers
from atlop.training import build_training
from atlop.training.step import TrainStep
from tests.test_cli import run, run_apart
from tests.training.test_distillation import unlabelled  # noqa: F401
from tests.training.test_resuming import PowerCutError, results_of, short_training, with_trainer


@pytest.fixture(scope="module")
def config(unlabelled: Path, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:  # noqa: F811
    """Two epochs; a student of labels, soft targets and five unlabelled documents."""
    base = with_trainer(short_training(tmp_path_factory.mktemp("training")), epochs=2)
    return base.model_copy(update={"distillation": DistillationConfig(unlabelled=unlabelled, weight=0.5)})


@pytest.fixture(scope="module")
def whole(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All stages, by the command line."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "config.toml").write_text(dump_config(config), encoding="utf-8")
    output, log = run("distill", folder / "config.toml", "--folds", 2, "--output", folder / "out")
    (folder / "output").write_text(output, encoding="utf-8")
    (folder / "log").write_text(log, encoding="utf-8")
    return folder / "out"


def dense(store: MarginStore, index: int, *, pairs: int) -> np.ndarray:
    margins = np.full((pairs, len(store.origin.relations)), FLOOR, np.float32)
    rows, class_ids = store[index].indices.T
    margins[rows, class_ids - 1] = store[index].values
    return margins


def scored(models: list[Path], path: Path) -> list[np.ndarray]:
    """Margins of the documents of a file, `[pairs, relations]` each, clamped at the floor."""
    ensemble = load_ensemble(list(models))
    scores = ensemble.score(read_corpus(path).documents, accelerator=accelerator_for("float32"))
    return [ensemble.rule.objective.margins(each.scores)[:, 1:].numpy().clip(FLOOR) for each in scores]


def test_every_document_is_taught_by_the_teacher_that_never_saw_it(config: RunConfig, whole: Path) -> None:
    models = [whole / "runs" / f"teacher-{fold}" for fold in (1, 2)]
    by_teacher = [scored([model], config.data.train) for model in models]
    store = MarginStore(whole / "margins" / "train")
    folds = fold_numbers(len(store), folds=2)
    assert set(folds.tolist()) == {1, 2}
    for index, fold in enumerate(folds.tolist()):
        expected = by_teacher[fold - 1][index]
        np.testing.assert_allclose(dense(store, index, pairs=len(expected)), expected, rtol=1e-5, atol=1e-5)
    assert config.distillation.unlabelled is not None
    means = scored(models, config.distillation.unlabelled)
    store = MarginStore(whole / "margins" / "unlabelled")
    for index, expected in enumerate(means):
        np.testing.assert_allclose(dense(store, index, pairs=len(expected)), expected, rtol=1e-5, atol=1e-5)


def test_a_teacher_is_trained_on_all_documents_but_those_of_its_fold(config: RunConfig, whole: Path) -> None:
    titles = [document.title for document in read_corpus(config.data.train).documents]
    for fold in (1, 2):
        data = config.data.model_copy(update={"leave_out": (fold, 2)})
        alone = config.model_copy(update={"data": data, "distillation": DistillationConfig()})
        assert f"leave_out = [\n    {fold},\n    2,\n]" in (whole / f"runs/teacher-{fold}/config.toml").read_text(
            "utf-8"
        )
        training = build_training(alone)
        seen = {training.documents[index].title for index in range(len(training.documents))}
        is_left_out = fold_numbers(len(titles), folds=2) == fold
        assert seen == {title for title, out in zip(titles, is_left_out.tolist(), strict=True) if not out}
        assert training.state.model.config.relations == list(MarginStore(whole / "margins/train").origin.relations)


def test_scores_of_all_stages_are_printed_and_progress_is_logged(whole: Path) -> None:
    stages = json.loads((whole / "summary.json").read_text("utf-8"))["stages"]
    assert [stage["name"] for stage in stages] == ["teacher-1", "teacher-2", "margins", "student"]
    assert all(stage["seconds"] > 0 for stage in stages)
    output, log = ((whole.parent / name).read_text("utf-8") for name in ("output", "log"))
    [student] = [line.split() for line in output.splitlines() if line.startswith("student")]
    assert student[1] == f"{100 * stages[-1]['dev']['f1']:.2f}"
    assert len(student) == 6
    assert output.count("precision") == 1
    assert "stage 1 of 4, teacher-1; first stage" in log
    assert "stage 4 of 4, student; about 00:" in log
    for stage in stages:
        if "dev" in stage:
            f1, precision, recall = (f"{100 * stage['dev'][key]:.2f}" for key in ("f1", "precision", "recall"))
            assert f"{stage['name']}: dev F1 {f1}, precision {precision}, recall {recall}\n" in log


class PowerCuts:
    """The power fails in a training step, while margins are written, or between two files of margins."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.steps = self.documents = -1  # before the failure; never
        step, margins = TrainStep.__call__, teachers.teacher_scores

        def cut_step(training: TrainStep, batches: Any) -> Any:
            self.steps -= 1
            if self.steps == 0:
                raise PowerCutError
            return step(training, batches)

        def cut_margins(*arguments: Any, **options: Any) -> Iterator[Any]:
            for each in margins(*arguments, **options):
                self.documents -= 1
                if self.documents == 0:
                    raise PowerCutError
                yield each

        monkeypatch.setattr(TrainStep, "__call__", cut_step)
        monkeypatch.setattr(teachers, "teacher_scores", cut_margins)


def contents(folder: Path) -> dict[str, Any]:
    """All results of all stages, without times."""
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    return {
        "stages": [{key: value for key, value in stage.items() if key != "seconds"} for stage in summary["stages"]],
        "margins": {path.name: file_sha256(path) for path in (folder / "margins").iterdir()},
        "files": sorted(path.name for path in folder.iterdir()),
        **{name: results_of(folder / "runs" / name) for name in ("teacher-1", "teacher-2", "student")},
    }


def test_stages_that_are_all_cut_end_with_the_same_bytes(
    config: RunConfig, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = PowerCuts(monkeypatch)
    documents = len(read_corpus(config.data.train).documents)
    for steps, written in ((2, -1), (3, -1), (-1, 2), (-1, documents + 2), (3, -1)):
        cuts.steps, cuts.documents = steps, written
        with pytest.raises(PowerCutError):
            distill(config, output=tmp_path / "out", folds=2, resume=True, show_progress=False)
    cuts.steps = -1
    distill(config, output=tmp_path / "out", folds=2, resume=True, show_progress=False)
    assert contents(tmp_path / "out") == contents(whole)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    distill(config, output=tmp_path / "out", folds=2, resume=True, show_progress=False)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")} == before


def test_a_deterministic_distillation_has_the_workspace_in_all_stages(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(cross_fitting, "_run", lambda *_, **__: dict(os.environ))

    found = distill(with_trainer(config, deterministic=True), output=tmp_path / "out", show_progress=False)

    assert found["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


@pytest.mark.long
def test_side_by_side_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    options = ("--folds", 2, "--output", tmp_path / "out", "--devices", "cpu,cpu")
    run_apart("-m", "atlop", "distill", whole.parent / "config.toml", *options)
    found, expected = contents(tmp_path / "out"), contents(whole)
    assert {**found, "files": []} == {**expected, "files": []}
    assert len(list((tmp_path / "out" / "logs").iterdir())) == 2


def problem(config: RunConfig, *, output: Path, **options: Any) -> str:
    with pytest.raises(AtlopError) as caught:
        distill(config, output=output, **({"folds": 2, "show_progress": False} | options))
    return str(caught.value)


def test_what_cannot_be_distilled_is_refused_before_anything_is_written(config: RunConfig, tmp_path: Path) -> None:
    def with_section(**changes: Any) -> RunConfig:
        return config.model_copy(update={"distillation": config.distillation.model_copy(update=changes)})

    out = tmp_path / "out"
    assert "teachers and margins are made by `atlop distill`" in problem(with_section(teachers=("a",)), output=out)
    assert "distillation.weight: with 0" in problem(with_section(weight=0.0), output=out)
    assert "expected at least 2" in problem(config, output=out, folds=1)
    assert "documents; choose fewer" in problem(config, output=out, folds=99)
    left = config.data.model_copy(update={"leave_out": (1, 2)})
    assert "data.leave_out" in problem(config.model_copy(update={"data": left}), output=out)
    some = config.data.model_copy(update={"train_documents": 1})
    assert "data.train_documents" in problem(config.model_copy(update={"data": some}), output=out)
    assert not out.exists()


def test_half_labelled_documents_are_refused_before_teachers_are_trained(config: RunConfig, tmp_path: Path) -> None:
    assert config.distillation.unlabelled is not None
    mixed = json.loads(config.distillation.unlabelled.read_text(encoding="utf-8"))
    mixed[0]["labels"] = []
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps(mixed), encoding="utf-8")
    section = config.distillation.model_copy(update={"unlabelled": path})

    found = problem(config.model_copy(update={"distillation": section}), output=tmp_path / "out")

    assert "4 of 5 documents have no labels; expected all or none" in found
    assert not (tmp_path / "out" / "runs").exists()


def test_a_folder_goes_on_under_another_spelling_and_keeps_what_its_margins_took(
    config: RunConfig, whole: Path
) -> None:
    first = distill(config, output=whole, folds=2, resume=True, show_progress=False)

    again = distill(config, output=whole / ".." / whole.name, folds=2, resume=True, show_progress=False)
    (whole / "margins" / "unlabelled.json").unlink()
    distill(config, output=whole, folds=2, resume=True, show_progress=False)

    def seconds(summary: dict[str, Any]) -> float:
        return next(float(stage["seconds"]) for stage in summary["stages"] if stage["name"] == "margins")

    assert seconds(first) == seconds(again)
    assert seconds(json.loads((whole / "summary.json").read_text(encoding="utf-8"))) != seconds(first)


def test_the_estimate_counts_the_steps_and_evaluations_that_will_be(config: RunConfig) -> None:
    counts = {"train": 4, "unlabelled": 2, "dev": 3}
    steps = config.trainer.model_copy(
        update={"epochs": 1, "min_steps": 10, "batch_size": 2, "gradient_accumulation": 1, "evaluation_interval": 4}
    )

    work = _work(config.model_copy(update={"trainer": steps}), counts, folds=2)

    assert work == {
        "teacher-1": 3 * 10 * 2 + 3 * 3,
        "teacher-2": 3 * 10 * 2 + 3 * 3,
        "margins": 4 + 2 * 2,
        "student": 3 * 12 * 2 + 3 * 3,  # four epochs of three steps
    }


def test_other_settings_folds_or_documents_are_refused_where_stages_are_resumed(
    config: RunConfig, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "already exists" in problem(config, output=whole)
    assert "data.leave_out was [1, 2], now [1, 3]" in problem(config, output=whole, folds=3, resume=True)
    changed = with_trainer(config, seed=5)
    assert "trainer.seed was 66, now 5" in problem(changed, output=whole, resume=True)
    unlabelled_file = config.distillation.unlabelled
    assert unlabelled_file is not None
    margins = {path: path.read_bytes() for path in (whole / "margins").iterdir()}
    for path in (config.data.train, unlabelled_file):
        before = path.read_bytes()
        try:
            path.write_bytes(before + b" ")
            assert "has changed since" in problem(config, output=whole, resume=True)
        finally:
            path.write_bytes(before)
    assert {path: path.read_bytes() for path in (whole / "margins").iterdir()} == margins


def test_a_teacher_of_other_settings_is_refused_before_others_are_trained_beside_it(
    config: RunConfig, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    shutil.copytree(whole / "runs" / "teacher-1", tmp_path / "runs" / "teacher-1")
    changed = with_trainer(config, seed=5)
    assert "trainer.seed was 66, now 5" in problem(changed, output=tmp_path, resume=True, devices=["cpu", "cpu"])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["teacher-1"]
