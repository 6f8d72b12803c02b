"""A training with teachers and unlabelled documents: resumed to the bit, off without weight, refused where it errs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from atlop.config import DistillationConfig, EvidenceConfig, RunConfig
from atlop.errors import AtlopError
from atlop.preprocessing import MarginStore, margins
from atlop.teachers import corpus_files, soft_targets, stored_margins
from atlop.training import build_training, train
from tests.golden_values import GOLDEN, read_golden
from tests.training.test_resuming import (  # noqa: F401
    config,
    interrupt_after,
    results_of,
    resume,
    uninterrupted,
    with_trainer,
)

TAUGHT = EvidenceConfig(weight=1.0, source="teachers")


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five short documents without labels."""
    documents = [each for each in read_golden("documents.json") if sum(map(len, each["sents"])) < 300][:5]
    path = tmp_path_factory.mktemp("unlabelled") / "unlabelled.json"
    bare = [{"title": f"bare {n}", "sents": d["sents"], "vertexSet": d["vertexSet"]} for n, d in enumerate(documents)]
    path.write_text(json.dumps(bare), encoding="utf-8")
    return path


def with_distillation(config: RunConfig, **section: Any) -> RunConfig:  # noqa: F811
    return config.model_copy(update={"distillation": DistillationConfig(**section)})


@pytest.fixture(scope="module")
def student(config: RunConfig, uninterrupted: Path, unlabelled: Path) -> RunConfig:  # noqa: F811
    """Learns from a run and its own labels, with three of the five unlabelled documents in each epoch."""
    return with_distillation(
        config, teachers=(str(uninterrupted),), temperature=2.0, unlabelled=unlabelled, unlabelled_share=0.6
    )


def drawn(config: RunConfig) -> list[list[int]]:  # noqa: F811
    """The documents of each epoch."""
    epochs: list[list[int]] = [[] for _ in range(config.trainer.epochs)]
    for step in build_training(config).schedule.steps():
        epochs[step.epoch] += [index for batch in step.batches for index in batch]
    return epochs


def test_every_epoch_has_all_train_documents_and_draws_the_next_further_ones(student: RunConfig) -> None:
    documents = build_training(student).documents
    train_documents = len(documents) - 5
    further = [[index for index in epoch if index >= train_documents] for epoch in drawn(student)]
    for epoch in drawn(student):
        assert sorted(index for index in epoch if index < train_documents) == list(range(train_documents))
    assert [len(set(each)) for each in further] == [3, 3, 3]
    assert set(further[0]) | set(further[1]) == set(range(train_documents, train_documents + 5))  # 3, and then the rest
    assert {documents[index].supervision.labelled for index in further[0]} == {False}
    assert all(documents[index].supervision.margins is not None for index in range(len(documents)))


@pytest.mark.parametrize("steps", [0, 4, 9])
def test_a_student_cut_in_any_step_ends_with_the_same_bits(
    steps: int, student: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(student, output=tmp_path / "whole", show_progress=False)
    folder = interrupt_after(steps, config=student, folder=tmp_path / "cut", monkeypatch=monkeypatch)
    resume(student, folder)
    assert results_of(folder) == results_of(tmp_path / "whole")


def test_margins_from_the_cache_train_to_the_same_bits_as_margins_just_computed(
    student: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("computed", "cached"):
        monkeypatch.setenv("ATLOP_CACHE", str(tmp_path / "cache"))
        train(student, output=tmp_path / name, show_progress=False)
    assert results_of(tmp_path / "computed") == results_of(tmp_path / "cached")


def test_without_weight_a_run_trains_to_the_bits_of_one_without_distillation(
    config: RunConfig,  # noqa: F811
    student: RunConfig,
    uninterrupted: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    section = student.distillation.model_copy(update={"weight": 0.0, "hard": 0.3})
    train(config.model_copy(update={"distillation": section}), output=tmp_path / "off", show_progress=False)
    assert results_of(tmp_path / "off") == results_of(uninterrupted)


def test_soft_targets_alone_are_learned(student: RunConfig, unlabelled: Path, tmp_path: Path) -> None:
    section = student.distillation.model_copy(update={"hard": 0.0, "unlabelled_share": 1.0})
    alone = with_trainer(student, epochs=8).model_copy(update={"distillation": section})
    train(alone, output=tmp_path / "student", show_progress=False)
    losses = [each["loss"] for each in results_of(tmp_path / "student")["metrics"] if "loss" in each]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_the_evidence_of_teachers_alone_is_learned(student: RunConfig, tmp_path: Path) -> None:
    section = student.distillation.model_copy(update={"weight": 0.0, "hard": 0.0})
    alone = with_trainer(student, epochs=8).model_copy(update={"distillation": section, "evidence": TAUGHT})
    train(alone, output=tmp_path / "student", show_progress=False)
    losses = [each["loss"] for each in results_of(tmp_path / "student")["metrics"] if "loss" in each]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_labels_of_further_documents_count(student: RunConfig, config: RunConfig) -> None:  # noqa: F811
    section = student.distillation.model_copy(update={"unlabelled": config.data.train, "unlabelled_weight": 0.5})
    documents = build_training(student.model_copy(update={"distillation": section})).documents
    distant = documents[len(documents) - 1].supervision
    assert (distant.labelled, distant.weight) == (True, 0.5)


def test_further_documents_that_dev_has_or_with_unknown_relations_are_told(
    student: RunConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    documents = json.loads(student.data.dev.read_text(encoding="utf-8"))
    documents[0]["labels"] = [{"h": 0, "t": 1, "r": "P0", "evidence": []}]
    path = tmp_path / "distant.json"
    path.write_text(json.dumps(documents), encoding="utf-8")

    section = student.distillation.model_copy(update={"unlabelled": path})
    build_training(student.model_copy(update={"distillation": section}))

    warnings = [record.getMessage() for record in caplog.records]
    assert any("distant.json: 1 facts have relations that are unknown to the model" in each for each in warnings)
    assert f"{student.data.dev}: {len(documents)} texts are also in {path}, so scores on them say little" in warnings


def problem(config: RunConfig) -> str:  # noqa: F811
    with pytest.raises(AtlopError) as caught:
        build_training(config)
    return str(caught.value)


def test_what_contradicts_itself_is_refused(student: RunConfig, unlabelled: Path, tmp_path: Path) -> None:
    section = student.distillation
    without = section.model_copy(update={"teachers": ()})
    assert "has no soft targets; name distillation.teachers" in problem(
        student.model_copy(update={"distillation": without})
    )
    both = section.model_copy(update={"margins": tmp_path})
    assert "give one of the two" in problem(student.model_copy(update={"distillation": both}))
    missing = section.model_copy(update={"teachers": ("nowhere",)})
    assert "nowhere: no such model folder" in problem(student.model_copy(update={"distillation": missing}))
    alone = student.model_copy(update={"distillation": DistillationConfig(), "evidence": TAUGHT})
    assert "evidence.source=teachers: there are none" in problem(alone)
    left = student.data.model_copy(update={"leave_out": (1, 2)})
    assert "a student leaves none out" in problem(student.model_copy(update={"data": left}))
    some = student.data.model_copy(update={"train_documents": 1})
    assert "data.train_documents: soft targets" in problem(student.model_copy(update={"data": some}))
    mixed = json.loads(unlabelled.read_text(encoding="utf-8"))
    mixed[0]["labels"] = []
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps(mixed), encoding="utf-8")
    section = section.model_copy(update={"unlabelled": path})
    assert "4 of 5 documents have no labels; expected all or none" in problem(
        student.model_copy(update={"distillation": section})
    )


@pytest.fixture
def stored(student: RunConfig, uninterrupted: Path, tmp_path: Path) -> RunConfig:  # noqa: F811
    """The student with margins in a folder, of a copy of its teacher."""
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    for path in (uninterrupted / "best").iterdir():
        (teacher / path.name).write_bytes(path.read_bytes())
    for name, file in corpus_files(student).items():
        stored_margins(tmp_path / "margins" / name, file=file, teachers=[teacher])
    section = student.distillation.model_copy(update={"teachers": (), "margins": tmp_path / "margins"})
    return student.model_copy(update={"distillation": section})


def test_stored_margins_train_as_those_of_the_teacher(stored: RunConfig, student: RunConfig) -> None:
    one, other = (build_training(each).documents for each in (stored, student))
    for index in range(len(one)):
        ours, theirs = one[index].supervision.margins, other[index].supervision.margins
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        np.testing.assert_array_equal(ours.values, theirs.values)


def test_a_teacher_of_other_relations_or_documents_or_changed_files_is_refused(
    stored: RunConfig, tmp_path: Path
) -> None:
    section, train_file = stored.distillation, stored.data.train
    assert section.unlabelled is not None
    other = stored.data.model_copy(update={"train": tmp_path / "train.json"})
    documents = json.loads(train_file.read_text(encoding="utf-8"))

    def with_documents(changed: list[dict[str, Any]]) -> str:
        (tmp_path / "train.json").write_text(json.dumps(changed), encoding="utf-8")
        return problem(stored.model_copy(update={"data": other}))

    assert f"has margins of {len(documents)} documents, found {len(documents) - 1}" in with_documents(documents[:-1])
    assert 'document 0: has margins of "' in with_documents([*documents[1:], documents[0]])
    assert "train.json has changed since the margins were computed" in with_documents(
        [{**documents[0], "labels": []}, *documents[1:]]
    )

    relations = json.loads((GOLDEN / "rel2id.json").read_text(encoding="utf-8"))
    reordered = {name: number if number == 0 else len(relations) - number for name, number in relations.items()}
    (tmp_path / "rel2id.json").write_text(json.dumps(reordered), encoding="utf-8")
    renamed = stored.data.model_copy(update={"relations": tmp_path / "rel2id.json"})
    assert "6 relations, but this run has 6 in another order" in problem(stored.model_copy(update={"data": renamed}))

    (tmp_path / "teacher" / "config.json").write_bytes(b"{}")
    assert "teacher has changed since its margins were computed" in problem(stored)


@pytest.mark.parametrize("kind", ["arrow", "json"])
def test_damaged_margins_are_refused_and_computed_again_from_teachers(
    kind: str, stored: RunConfig, student: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "margins" / f"train.{kind}"
    path.write_bytes(path.read_bytes()[:-40])
    assert "remove the two files" in problem(stored) or "not valid JSON" in problem(stored)

    monkeypatch.setenv("ATLOP_CACHE", str(tmp_path / "cache"))
    whole = {name: store.path.read_bytes() for name, store in soft_targets(student).items()}
    for store in soft_targets(student).values():
        damaged = store.path.with_suffix(f".{kind}")
        damaged.write_bytes(damaged.read_bytes()[:-40])
    again = soft_targets(student)
    assert {name: store.path.read_bytes() for name, store in again.items()} == whole
    assert all(isinstance(store, MarginStore) for store in again.values())


def test_margins_of_other_columns_are_refused_and_computed_again_from_teachers(
    stored: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stem, file, teachers = tmp_path / "margins" / "train", corpus_files(stored)["train"], [tmp_path / "teacher"]
    table = stem.with_suffix(".arrow")
    whole = table.read_bytes()
    table.with_suffix(".json").unlink()
    half_precision = pa.list_(pa.field("item", pa.float16(), nullable=False))
    column = margins._SCHEMA.get_field_index("values")
    with monkeypatch.context() as earlier:
        schema = margins._SCHEMA.set(column, pa.field("values", half_precision, nullable=False))
        earlier.setattr(margins, "_SCHEMA", schema)
        stored_margins(stem, file=file, teachers=teachers)
    assert table.read_bytes() != whole

    assert f"{table}: has other columns than margins have; remove the two files" in problem(stored)
    stored_margins(stem, file=file, teachers=teachers)

    assert "The margins are computed again" in caplog.text
    assert table.read_bytes() == whole
