"""An entry is built once, verified on every use, and built again if a check fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep, time
from typing import Any

import pyarrow as pa
import pytest
from filelock import FileLock

from atlop.errors import AtlopError
from atlop.files import file_sha256
from atlop.preprocessing import CorpusMetadata, GrowingVocabulary, PreprocessedCorpus, Preprocessor
from atlop.preprocessing.cache import cache_folder, cached
from atlop.preprocessing.identity import sha256_of_json
from atlop.preprocessing.table import write_table
from atlop.schema import CorpusIssues
from tests.made_documents import assert_same, document, tokenizer_for

DOCUMENT = document("Ada met Bob", entities=[[(0, 0, 1)], [(0, 2, 3)]], facts=[(0, 1, "P17")])
METADATA = CorpusMetadata(
    relations=("P17",), types=("PER",), unlabelled=0, issues=CorpusIssues(skipped=("one \ud800",), duplicate_facts=2)
)
KEY = {"file": "a digest"}


class Build:
    """Builds an entry of one document, and counts its calls."""

    def __init__(self, relations: tuple[str, ...] = ("P17",)) -> None:
        self.calls = 0
        self._metadata = replace(METADATA, relations=relations)
        preprocessor = Preprocessor(tokenizer_for(DOCUMENT), vocabulary=GrowingVocabulary())
        self.documents = list(preprocessor.preprocess([DOCUMENT]))

    def __call__(self, sink: pa.NativeFile) -> CorpusMetadata:
        self.calls += 1
        write_table(sink, self.documents)
        return self._metadata


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ATLOP_CACHE", str(folder))
    return folder


def get(build: Build, key: dict[str, Any] = KEY) -> PreprocessedCorpus:
    corpus = cached(key, name="train.json", tokens=1000, build=build)
    [found], [expected] = corpus, build.documents
    assert_same(found, expected)
    assert corpus.metadata == METADATA
    return corpus


def file_of(folder: Path, kind: str) -> Path:
    return folder / f"{sha256_of_json(KEY)}.{kind}"


def test_the_folder_is_the_users_own_unless_another_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == folder
    monkeypatch.setenv("ATLOP_CACHE", "")
    assert cache_folder().parts[-2:] == ("atlop", "preprocessed")
    monkeypatch.delenv("ATLOP_CACHE")
    assert cache_folder().parts[-2:] == ("atlop", "preprocessed")


def test_an_entry_is_built_once_for_each_key(folder: Path) -> None:
    build = Build()
    for _ in range(3):
        get(build)
    assert build.calls == 1
    get(build, {"file": "another digest"})
    assert build.calls == 2
    assert {path.suffix for path in folder.iterdir()} >= {".arrow", ".json"}


def test_the_log_says_where_it_comes_from(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="atlop")
    for message in ("train.json: preprocessed, cached in", "train.json: already preprocessed, read from"):
        caplog.clear()
        get(Build())
        assert [record.getMessage() for record in caplog.records] == [f"{message} {file_of(folder, 'arrow')}"]


def flip(file: Path, position: int) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= 1
    file.write_bytes(data)


def edited(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Change the metadata file and update its digest, so that only the content is wrong."""

    def edit(folder: Path) -> None:
        file = file_of(folder, "json")
        whole = json.loads(file.read_text())
        change(whole["entry"])
        whole["sha256"] = sha256_of_json(whole["entry"])
        file.write_text(json.dumps(whole))

    return edit


def write(kind: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: file_of(folder, kind).write_bytes(content)


def truncate(kind: str, share: float) -> Callable[[Path], None]:
    def shorten(folder: Path) -> None:
        file = file_of(folder, kind)
        os.truncate(file, int(share * file.stat().st_size))

    return shorten


def other_columns(folder: Path) -> None:
    table = pa.table({"title": ["Ada"]})
    with pa.ipc.new_file(str(file_of(folder, "arrow")), table.schema) as writer:
        writer.write_table(table)
    data = file_of(folder, "arrow").read_bytes()
    digest = file_sha256(file_of(folder, "arrow"))
    edited(lambda entry: entry.update(table={"bytes": len(data), "sha256": digest}))(folder)


@pytest.mark.parametrize(
    "damage",
    [
        *(write("json", content) for content in (b"", b"\xff", b"[]", b"3", b"{}", b'{"entry": []}', b"1" * 5000)),
        write("json", b'{"entry": {}, "sha256": 7}'),
        write("json", b"[" * 100_000),
        *(write("arrow", content) for content in (b"", b"ARROW1", os.urandom(3000))),
        *(truncate(kind, share) for kind in ("json", "arrow") for share in (0.3, 0.95)),
        lambda folder: file_of(folder, "arrow").unlink(),
        lambda folder: file_of(folder, "json").unlink(),
        other_columns,
        edited(lambda entry: entry.pop("metadata")),
        edited(lambda entry: entry.pop("table")),
        edited(lambda entry: entry["metadata"].update(relations="P17")),
        edited(lambda entry: entry["metadata"].update(relations=[17])),
        edited(lambda entry: entry["metadata"].update(relations=[])),
        edited(lambda entry: entry["metadata"]["issues"].update(skipped=None)),
        edited(lambda entry: entry["metadata"]["issues"].update(duplicate_facts="2")),
        edited(lambda entry: entry["metadata"].update(unlabelled=2)),
        edited(lambda entry: entry["key"].update(file="another")),
    ],
)
def test_what_is_damaged_is_built_again(folder: Path, damage: Callable[[Path], object]) -> None:
    build = Build()
    get(build)
    damage(folder)
    get(build)
    assert build.calls == 2
    get(build)
    assert build.calls == 2


@pytest.mark.parametrize("kind", ["arrow", "json"])
def test_no_flipped_bit_changes_what_is_read(folder: Path, kind: str) -> None:
    get(Build())
    file = file_of(folder, kind)
    whole = file.read_bytes()
    for position in range(0, len(whole), 1 if kind == "json" else 29):
        file.write_bytes(whole)
        flip(file, position)
        get(Build())


def test_a_damaged_entry_is_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    get(Build())
    flip(file_of(folder, "arrow"), 100)
    get(Build())
    assert f"{file_of(folder, 'json')}: damaged, so it is built again: " in caplog.text


def test_where_the_folder_cannot_be_written_the_corpus_is_built_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATLOP_CACHE", str(tmp_path / "file" / "cache"))
    build = Build()
    get(build)
    assert build.calls == 1
    assert "train.json: cannot be cached in" in caplog.text
    assert "so it is preprocessed in memory; set ATLOP_CACHE to another folder" in caplog.text


def test_where_the_disk_is_full_the_corpus_is_built_in_memory(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Full(Build):
        def __call__(self, sink: pa.NativeFile) -> CorpusMetadata:
            metadata = super().__call__(sink)
            if self.calls == 1:
                raise OSError(28, "No space left on device")
            return metadata

    build = Full()
    get(build)
    assert build.calls == 2
    assert "No space left on device" in caplog.text
    assert [path.suffix for path in folder.iterdir()] in ([], [".lock"])


def test_a_problem_of_the_documents_is_raised_and_leaves_no_entry(folder: Path) -> None:
    def fail(sink: pa.NativeFile) -> CorpusMetadata:
        raise AtlopError("train.json: is bad")

    with pytest.raises(AtlopError, match="is bad"):
        cached(KEY, name="train.json", tokens=1000, build=fail)
    assert [path.suffix for path in folder.iterdir()] in ([], [".lock"])


def test_entries_that_nobody_used_for_long_go_when_a_new_one_comes(folder: Path) -> None:
    get(Build())
    used = {path.name for path in folder.iterdir()}
    long_ago = time() - 31 * 24 * 60 * 60
    digest = "0" * 64
    strangers = ("notes.json", "0.arrow", f"{digest}.txt")
    for name in (f"{digest}.arrow", f"{digest}.json", f"{digest}.lock", ".atlop-of-another-host", *strangers):
        (folder / name).touch()
        os.utime(folder / name, (long_ago, long_ago))
    for path in folder.glob(f"{sha256_of_json(KEY)}*"):
        os.utime(path, (long_ago, long_ago))
    get(Build())  # which marks it as used
    get(Build(), {"file": "another digest"})
    left = {
        path.name for path in folder.iterdir() if not path.name.startswith(sha256_of_json({"file": "another digest"}))
    }
    assert left == used | set(strangers)


def test_threads_build_an_entry_once(folder: Path) -> None:
    class Slow(Build):
        def __call__(self, sink: pa.NativeFile) -> CorpusMetadata:
            sleep(0.2)
            return super().__call__(sink)

    build = Slow()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: get(build), range(4)))
    assert build.calls == 1


TWO_PROCESSES = """
import os
import sys
from pathlib import Path
from tests.preprocessing.test_cache import Build, get

class Noting(Build):
    def __call__(self, sink):
        with Path(sys.argv[1]).open("a") as file:
            file.write("made\\n")
        return super().__call__(sink)

other = os.fork()  # when all is imported, which takes seconds
os.write(1, b"ready\\n")  # at once, unlike print where Python does not buffer
get(Noting())
os.write(1, b"the same\\n")
if other:
    sys.exit(os.waitpid(other, 0)[1])
"""


def test_two_processes_build_an_entry_once(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    notes = tmp_path / "notes"
    with FileLock(file_of(folder, "lock")):  # both wait until both are there
        command = [sys.executable, "-c", TWO_PROCESSES, str(notes)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        sleep(0.2)
        assert not notes.exists()
    assert process.communicate(timeout=600)[0] == 2 * "the same\n"
    assert process.returncode == 0
    assert notes.read_text() == "made\n"
