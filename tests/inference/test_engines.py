"""Workers of an engine compute the parts of an extraction, and what they leave goes on with or without them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlop.errors import AtlopError
from atlop.files import hidden_path
from atlop.inference import RelationExtractor, parts, ray_engine
from atlop.inference.batches import ExtractBatches
from atlop.inference.part_folder import PartFolder
from atlop.inference.parts import ExtractionSummary, extract_file
from atlop.inference.ray_engine import PartWriter, RayEngine
from atlop.inference.sources import Source, Start
from tests.golden_values import golden_documents
from tests.inference.texts import plain_row
from tests.test_cli import run, values_of

DOCUMENTS = 7


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return [plain_row(golden_documents()[index]) for index in (0, 1, 6, 0, 7, 6, 1)]


@pytest.fixture
def file(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    """Six short documents, a blank line, and one line that is no document, after a byte order mark."""
    lines = [json.dumps(row) for row in rows]
    path = tmp_path / "documents.jsonl"
    path.write_text("\ufeff" + "\n".join([*lines[:2], "", "{", *lines[3:]]) + "\n", encoding="utf-8")
    return path


@dataclass
class OneAfterTheOther:
    """An engine whose only worker is this process, and which may fail after some parts."""

    extract: ExtractBatches
    most: int = 1000

    def write_parts(self, parts: PartFolder, *, source: Source, documents: int) -> Iterator[None]:
        starts = source.starts(every=documents)
        parts.count = len(starts)
        write = PartWriter(self.extract, source, parts, documents, os.getcwd())  # noqa: PTH109
        for part, start in enumerate(starts):
            if part == self.most:
                raise KeyboardInterrupt
            for _ in range(write({"part": part, **start._asdict()})["documents"]):
                yield


@pytest.fixture
def batches(model_folder: Path) -> ExtractBatches:
    return ExtractBatches(str(model_folder), precision="float32")


@pytest.mark.parametrize("first", ["engine", "process"])
def test_an_engine_and_a_process_go_on_where_the_other_was_stopped(
    first: str, extractor: RelationExtractor, batches: ExtractBatches, file: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(parts, "DOCUMENTS_PER_PART", 2)
    extract_file(extractor, Source(file), output=tmp_path / "whole.jsonl")
    output = tmp_path / "facts.jsonl"
    stopping, going_on = OneAfterTheOther(batches, most=2), OneAfterTheOther(batches)

    def stop(items: Any) -> Iterator[None]:
        for number, item in enumerate(items):
            if number == 4:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        extract_file(
            extractor,
            Source(file),
            output=output,
            engine=stopping if first == "engine" else None,
            progress=iter if first == "engine" else stop,
        )
    assert len(list(hidden_path(output, suffix=".parts").glob("part-*"))) == 2

    done = extract_file(extractor, Source(file), output=output, engine=going_on if first == "process" else None)

    assert isinstance(done, ExtractionSummary)
    assert (done.computed, done.counts.documents, done.counts.errors) == (DOCUMENTS - 4, DOCUMENTS, 1)
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_worker_with_another_model_code_or_recogniser_writes_nothing(
    batches: ExtractBatches, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = replace(batches, ner="tests.inference.recognisers:known_names")
    recognition = batches.load().recognition
    assert recognition is not None
    settings = {
        "model_sha256": batches.load().fingerprint, "code_sha256": "the driver's", "ner_version": recognition.version,
    }  # fmt: skip
    monkeypatch.setattr(ray_engine, "code_sha256", lambda: settings["code_sha256"])
    for key in settings:
        folder = PartFolder(tmp_path / key)
        folder.begin(settings | {key: "another"})
        with pytest.raises(AtlopError, match=f"another {key} than now for the worker"):
            PartWriter(batches, Source(file), folder, 2, str(tmp_path))


def test_an_empty_file_has_no_parts(extractor: RelationExtractor, batches: ExtractBatches, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_bytes(b"\n")

    extract_file(extractor, Source(tmp_path / "none.jsonl"), output=tmp_path / "a.jsonl", engine=RayEngine(batches))

    assert (tmp_path / "a.jsonl").read_bytes() == b""


# where parts begin


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "folder"])
@pytest.mark.parametrize("every", [1, 2, 3, 100])
def test_whoever_begins_in_the_middle_reads_the_same(
    kind: str, every: int, rows: list[dict[str, Any]], file: Path, tmp_path: Path
) -> None:
    source = Source(file)
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "documents.parquet", row_group_size=3)
        source = Source(tmp_path / "documents.parquet")
    if kind == "folder":
        for number, row in enumerate(rows):
            (tmp_path / "texts" / str(number % 2)).mkdir(parents=True, exist_ok=True)
            (tmp_path / "texts" / str(number % 2) / f"{number}.txt").write_text(row["text"], encoding="utf-8")
        source = Source(tmp_path / "texts")
    documents = list(source.documents())

    starts = source.starts(every=every)

    assert len(documents) == DOCUMENTS
    assert [start.document for start in starts] == list(range(0, DOCUMENTS, every))
    assert [list(source.documents(start)) for start in starts] == [documents[start.document :] for start in starts]


def test_parquet_gives_what_json_lines_give(
    extractor: RelationExtractor, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows[1]["entities"][0]["type"] = None  # as of a table, in which other rows have one
    rows[2]["entities"][0]["id"] = "Q1"
    lines = tmp_path / "documents.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist([{"number": 1, **row} for row in rows]), tmp_path / "documents.parquet")

    run("extract", extractor.name, lines, "--output", tmp_path / "a.jsonl")
    output, _ = run("extract", extractor.name, tmp_path / "documents.parquet", "--output", tmp_path / "b.jsonl")

    assert values_of(output)["documents"] == str(DOCUMENTS)
    assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()


def test_a_table_that_cannot_be_read_is_one_message(extractor: RelationExtractor, tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "other.parquet")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1, or not")

    other, damaged = (
        run("extract", extractor.name, tmp_path / name, "--output", tmp_path / f"{name}.jsonl", code=2)[1]
        for name in ("other.parquet", "damaged.parquet")
    )

    assert "other.parquet: expected the columns text and entities; found body" in other
    assert "damaged.parquet: cannot be read as Parquet" in damaged


def test_nobody_can_begin_in_the_middle_of_a_compressed_file(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "documents.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))

    with pytest.raises(
        AtlopError, match=r"documents\.jsonl\.gz: is compressed, so that nobody can begin in its middle"
    ):
        Source(tmp_path / "documents.jsonl.gz").starts(every=2)
    assert [document.content for document in Source(tmp_path / "documents.jsonl.gz").documents(Start())] == [b"{}\n"]


def test_options_of_workers_need_an_engine_and_devices_are_theirs(tmp_path: Path) -> None:
    output = ("--output", tmp_path / "facts.jsonl")

    assert "are for --engine ray" in run("extract", "sample", "--workers", "2", *output, code=2)[1]
    pytest.importorskip("ray", reason="needs Ray: pip install 'atlop[ray]'")
    assert "use a GPU with --gpus 1" in run(
        "extract", "sample", "--engine", "ray", "--device", "cpu", *output, code=2
    )[1]  # fmt: skip
