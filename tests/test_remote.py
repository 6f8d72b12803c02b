"""Corpora, models and outputs on object stores: read as they are, written whole or not at all."""

import gzip
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from atlop import sample
from atlop.corpora import read_corpus
from atlop.errors import AtlopError
from atlop.files import (
    atomic_folder,
    atomic_text,
    exists,
    file_sha256,
    files_below,
    is_folder,
    model_folder,
    opened,
    remove_folder,
    write_text,
)
from atlop.files import remote as remote_files
from atlop.inference import parts
from atlop.inference.tables import WRITERS
from tests.object_store import ObjectStore, object_store
from tests.test_cli import run, values_of

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
KINDS = [("memory", "jsonl.gz"), ("memory", "parquet"), ("s3", "jsonl")]
Put = Callable[[str, bytes], str]
"""Stores a file, and returns its address."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with object_store() as store:
        for name, value in {
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ENDPOINT_URL": store.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        remote_files._bucket.cache_clear()
        store.objects["bucket/other"] = b""
        yield store
    remote_files._bucket.cache_clear()


@pytest.fixture(params=["memory", "s3"])
def put(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Put:
    """How files get onto each of the stores."""
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    if request.param == "s3":
        store: ObjectStore = request.getfixturevalue("s3")

        def to_s3(name: str, content: bytes) -> str:
            store.objects[f"bucket/{name}"] = content
            return f"s3://bucket/{name}"

        return to_s3

    def to_memory(name: str, content: bytes) -> str:
        MemoryFileSystem().pipe_file(f"/bucket/{name}", content)
        return f"memory://bucket/{name}"

    return to_memory


def read(address: str) -> bytes:
    with remote_files.open_bytes(Path(address)) as file:
        return file.read()


def test_a_file_is_read_as_one_of_this_machine(put: Put) -> None:
    content = bytes(range(256)) * 9000
    path = Path(put("folder/file.bin", content))

    with opened(path) as file:
        assert file.read() == content
        file.seek(1000)
        assert (file.tell(), file.read(3)) == (1000, content[1000:1003])
    with opened(Path(put("folder/file.gz", gzip.compress(content)))) as file:
        assert file.read() == content
    assert file_sha256(path) == sha256(content).hexdigest()
    assert [exists(path), exists(path.parent), exists(path / "none")] == [True, True, False]
    assert [is_folder(path), is_folder(path.parent)] == [False, True]


def test_files_of_a_folder_are_listed_and_removed(put: Put) -> None:
    names = ("folder/b.txt", "folder/a/c.txt", "folder/a.txt")
    folder = Path(put("folder/b.txt", b"")).parent
    for name in names:
        put(name, b"x")

    assert files_below(folder) == [folder / "a" / "c.txt", folder / "a.txt", folder / "b.txt"]
    remove_folder(folder)
    assert not exists(folder / "a" / "c.txt")
    remove_folder(folder)


def test_an_output_is_there_whole_or_not_at_all(put: Put) -> None:
    path = Path(put("results/other", b"")).parent / "facts.jsonl"

    with suppress(KeyboardInterrupt), atomic_text(path) as file:
        file.write("half")
        raise KeyboardInterrupt
    assert not exists(path)
    write_text(path, "whole\n")
    assert read(str(path)) == b"whole\n"


def test_a_folder_is_not_written_to_a_store_nor_into_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(AtlopError, match=r"^s3://bucket/notes: a folder is written on this machine alone"):
        atomic_folder(Path("s3://bucket/notes")).__enter__()
    assert not list(tmp_path.iterdir())


def test_an_upload_that_is_cut_off_leaves_nothing(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(put("results/other", b"")).parent / "facts.jsonl"

    def cut_off(source: Any, target: Any, *_: object) -> None:
        target.write(source.read(4))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write_text(path, "whole\n")
    assert not exists(path)


def test_an_address_of_a_file_here_is_this_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")

    found = files_below(Path(f"file://{tmp_path}"))

    assert [read(str(path)) for path in found] == [b"a"]
    assert exists(Path(f"file://{tmp_path}/a.txt"))


def test_problems_are_one_message_with_the_address(s3: ObjectStore) -> None:
    with (
        pytest.raises(AtlopError, match=r"^s3://bucket/none\.json: no such file"),
        opened(Path("s3://bucket/none.json")),
    ):
        pass
    with pytest.raises(AtlopError, match=r"^nowhere://bucket/a: Protocol not known: nowhere"):
        exists(Path("nowhere://bucket/a"))
    s3.refuses = "HEAD"
    for look in (exists, is_folder):
        with pytest.raises(AtlopError, match=r"^s3://bucket/unknown: cannot be looked for: "):
            look(Path("s3://bucket/unknown"))
    s3.objects["bucket/closed.json"] = b"[]"
    with pytest.raises(AtlopError, match=r"^s3://bucket/closed\.json: cannot be read: .*ACCESS_DENIED"):
        read_corpus(Path("s3://bucket/closed.json"), format="docred")


def test_a_corpus_is_read_and_checked(put: Put) -> None:
    corpus = put("corpora/dev.json", (SAMPLE / "dev.json").read_bytes())

    found = read_corpus(Path(corpus))

    assert found.documents == read_corpus(SAMPLE / "dev.json").documents
    assert found.sha256 == file_sha256(SAMPLE / "dev.json")
    assert "documents" in run("check", corpus)[0]


def test_a_model_is_copied_once_and_again_when_it_has_changed(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for file in sample.MODEL.iterdir():
        model = put(f"runs/own/best/{file.name}", file.read_bytes()).rpartition("/best/")[0]
    put("runs/own/checkpoints/large", b"")

    first = model_folder(model)
    assert model_folder(model) == first
    assert {path.name for path in Path(first).iterdir()} == {path.name for path in sample.MODEL.iterdir()}
    config = json.loads((sample.MODEL / "config.json").read_text(encoding="utf-8"))
    put("runs/own/best/config.json", json.dumps(config | {"a": 1}).encode())
    assert model_folder(model) != first
    with pytest.raises(AtlopError, match=rf"^{model}/checkpoints: holds no model"):
        model_folder(f"{model}/checkpoints")


def test_a_model_that_is_not_here_finds_the_same_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    for file in sample.MODEL.iterdir():
        MemoryFileSystem().pipe_file(f"/bucket/{file.name}", file.read_bytes())

    for name, model in (("one", "sample"), ("two", "memory://bucket")):
        run("extract", model, sample.TEXTS, "--output", tmp_path / f"{name}.jsonl")

    assert (tmp_path / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


@pytest.mark.parametrize(("put", "kind"), KINDS, indirect=["put"])
def test_an_extraction_goes_on_where_it_was_stopped(
    kind: str, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DOCUMENTS_PER_PART", 4)
    content = sample.TEXTS.read_bytes()
    if kind == "jsonl.gz":
        content = gzip.compress(content)
    if kind == "parquet":
        table = pa.Table.from_pylist([json.loads(line) for line in content.splitlines()])
        pq.write_table(table, written := io.BytesIO())
        content = written.getvalue()
    texts = put(f"texts.{kind}", content)
    output = texts.replace(f"texts.{kind}", "facts.jsonl")
    run("extract", "sample", "--output", tmp_path / "whole.jsonl")

    with monkeypatch.context() as patch:
        patch.setitem(WRITERS, ".jsonl", stopping)
        run("extract", "sample", texts, "--output", output, code=130)
    assert not exists(Path(output))
    resumed, _ = run("extract", "sample", texts, "--output", output)

    assert resumed.startswith(f"wrote {output}")
    assert values_of(resumed)["computed by this process now"] == "0"
    found = [json.loads(line) for line in read(output).splitlines()]
    assert found == [json.loads(line) for line in (tmp_path / "whole.jsonl").read_bytes().splitlines()]
    assert not [path for path in files_below(Path(texts).parent) if path.name.startswith((".atlop", "part"))]
    assert f"{output}: already exists" in run("extract", "sample", texts, "--output", output, code=2)[1]


def stopping(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_folder_of_texts_is_read(put: Put, tmp_path: Path) -> None:
    for name in ("b", "a/c"):
        texts = put(f"texts/{name}.txt", b"Lucia Vestergaard left Port Lockroy.").rpartition("/texts/")[0] + "/texts"
    ner = ("--ner", "tests.inference.recognisers:known_names")

    run("extract", "sample", texts, *ner, "--output", tmp_path / "facts.jsonl")

    rows = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["title"] for row in rows] == ["a/c", "b"]


@pytest.mark.parametrize(("method", "value"), [("seek", 1), ("readinto", bytearray(1))])
def test_what_a_library_raises_in_a_file_is_an_error_of_the_file(method: str, value: Any) -> None:
    class Broken(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise KeyError("no such range")

        def readinto(self, _: Any) -> int:
            raise KeyError("no such range")

    file = remote_files._RemoteFile(Broken(b"text"))

    with pytest.raises(OSError, match="KeyError: 'no such range'"):
        getattr(file, method)(value)
