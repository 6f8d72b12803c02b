import contextlib
import gzip
import hashlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atlop.config_files import load_config
from atlop.errors import AtlopError
from atlop.files import (
    atomic_folder,
    atomic_path,
    atomic_text,
    file_sha256,
    model_folder,
    read_json,
    read_lines,
    read_toml,
    recover,
    recovered,
    refuse_existing,
    refuse_nonempty,
    write_text,
)


def test_json_is_read_plain_and_packed_and_with_a_byte_order_mark(tmp_path: Path) -> None:
    plain, packed, marked = tmp_path / "a.json", tmp_path / "a.json.gz", tmp_path / "b.json"
    plain.write_bytes('["é"]'.encode())
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())

    assert read_json(plain) == read_json(packed) == read_json(marked) == ["é"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"dev\.json: no such file; check the path"):
        read_json(tmp_path / "dev.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'[{"title": "Skai TV"},\n {"title": ',
            r"dev\.json, line 2, column 12: not valid JSON .*; the file may be cut",
        ),
        (b"title,h,t\n", r"dev\.json, line 1, column 1: not valid JSON"),
        (b"", r"dev\.json, line 1, column 1: not valid JSON"),
        (b'["\xff"]', r"dev\.json: byte 2 is not UTF-8; expected a JSON file in UTF-8"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "dev.json"
    path.write_bytes(content)

    with pytest.raises(AtlopError, match=message):
        read_json(path)


@pytest.mark.parametrize("deep", ["[" * 200_000 + "]" * 200_000, '{"a":' * 5000 + "1" + "}" * 5000])
def test_what_is_nested_thousands_deep_is_refused(tmp_path: Path, deep: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text(deep)

    with pytest.raises(AtlopError, match=r"dev\.json: lists or objects are nested thousands of levels deep"):
        read_json(path)


@pytest.mark.parametrize("name", ["dev.json", "dev.toml"])
def test_a_number_of_thousands_of_digits_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("[" + "9" * 5000 + "]" if name == "dev.json" else "a = " + "9" * 5000)

    with pytest.raises(AtlopError, match=r"dev\..*: has a number with thousands of digits"):
        read_json(path) if name == "dev.json" else read_toml(path)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, ".".join("a" * 400_000) + " = 1"], ids=["lists", "key"])
def test_toml_nested_thousands_deep_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)

    with pytest.raises(
        AtlopError, match=r"run\.toml: lists or objects are nested thousands of levels deep; expected TOML"
    ):
        read_toml(path)


def test_a_name_with_nul_is_no_file() -> None:
    with pytest.raises(AtlopError, match="not a file name"):
        read_json(Path("a\0b"))


def test_a_packed_file_that_unpacks_out_of_all_proportion_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(20 << 20)))

    message = r"dev\.jsonl\.gz: cannot be read: its 20,\d\d\d bytes unpack to more than 9,\d\d\d,\d\d\d"
    with pytest.raises(AtlopError, match=message):
        list(read_lines(path))
    with pytest.raises(AtlopError, match=message):
        read_json(path)


@pytest.fixture
def odd_files(tmp_path: Path) -> list[Path]:
    """A pipe, a socket, a folder, a link to the pipe, and a device."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):  # names of sockets are short
        server.bind("socket")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    return [*(tmp_path / name for name in ("pipe", "socket", "folder", "link")), Path("/dev/zero")]


@pytest.mark.parametrize("read", [read_json, read_toml, lambda path: list(read_lines(path))])
def test_only_regular_files_are_read(read: Callable[[Path], object], odd_files: list[Path]) -> None:
    for path in odd_files:
        with pytest.raises(AtlopError, match=rf"^{path}: is a (pipe|socket|folder|device); expected a regular file"):
            read(path)


def test_the_digest_of_a_folder_leaves_out_what_is_not_regular(odd_files: list[Path]) -> None:
    for path in odd_files:
        if not path.is_dir():
            with pytest.raises(AtlopError, match="expected a regular file"):
                file_sha256(path)
    assert file_sha256(odd_files[0].parent) == hashlib.sha256().hexdigest()


def test_a_tilde_that_the_shell_left_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (read_json, lambda path: load_config(str(path)), model_folder):
        with pytest.raises(
            AtlopError, match="~/here: only a shell replaces ~, and none did here; write out the folder"
        ):
            use(Path("~/here"))


def test_toml_is_read_after_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\n")

    assert read_toml(path) == {"a": 1}


@pytest.mark.parametrize(("encoding", "byte"), [("utf-16", 0), ("latin-1", 5)])
def test_toml_in_another_encoding_is_named(encoding: str, byte: int, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes('a = "é"'.encode(encoding))

    with pytest.raises(AtlopError, match=rf"run\.toml: byte {byte} is not UTF-8; save the file as UTF-8"):
        read_toml(path)


def test_toml_of_a_size_that_no_configuration_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("a = [" + "1," * (1 << 20) + "]")

    with pytest.raises(AtlopError, match=r"run\.toml: has more than 1,048,576 bytes; expected a TOML file"):
        read_toml(path)


def test_a_packed_file_that_is_cut_or_damaged_or_not_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.json.gz"
    packed = gzip.compress(os.urandom(1000).hex().encode())
    damaged = bytearray(packed)
    damaged[20] ^= 0xFF
    damaged[21] ^= 0xFF
    for content in (packed[:-20], bytes(damaged), b"[]"):
        path.write_bytes(content)
        with pytest.raises(AtlopError, match=r"dev\.json\.gz: "):
            read_json(path)


def test_lines_are_read_plain_and_packed_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_bytes(b"\xef\xbb\xbfone\r\n\n\xef\xbb\xbftwo")
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert list(read_lines(plain)) == list(read_lines(packed)) == [b"one\r\n", b"\n", b"\xef\xbb\xbftwo"]


def test_lines_of_a_file_that_is_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl.gz"
    with pytest.raises(AtlopError, match=r"dev\.jsonl\.gz: no such file; check the path"):
        list(read_lines(path))
    for content in (gzip.compress(b"one\ntwo")[:-4], b"one\ntwo"):
        path.write_bytes(content)
        with pytest.raises(AtlopError, match=r"dev\.jsonl\.gz: cannot be read"):
            list(read_lines(path))


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_bytes(b"[]")

    assert file_sha256(path) == hashlib.sha256(b"[]").hexdigest()


def test_the_digest_of_a_folder_is_that_of_the_names_and_bytes_of_its_files(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            (folder / "in").mkdir(parents=True, exist_ok=True)
            (folder / "in" / name).write_text(text)
        return file_sha256(folder)

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert len({digest(a="1", b="2"), digest(a="1", b="3"), digest(a="1", c="2"), digest(a="1"), digest(ab="12")}) == 5


def test_the_digest_of_a_folder_has_the_files_of_linked_folders_and_no_hidden_ones(tmp_path: Path) -> None:
    whole, linked, far = tmp_path / "whole", tmp_path / "linked", tmp_path / "far"
    for folder in (whole / "in", far, linked):
        folder.mkdir(parents=True)
    for file in (whole / "in" / "a", far / "a"):
        file.write_text("1")
    (linked / "in").symlink_to(far)
    digest = file_sha256(whole)

    assert file_sha256(linked) == digest
    (far / "round").symlink_to(linked)
    (linked / ".DS_Store").write_text("x")
    (far / ".git").mkdir()
    (far / ".git" / "index").write_text("x")
    assert file_sha256(linked) == digest
    (far / "a").write_text("2")
    assert file_sha256(linked) != digest


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "run" / "notes.txt"

    write_text(path, "é")

    assert path.read_bytes() == "é".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_written_plain_and_packed_and_packed_alike_every_time(tmp_path: Path) -> None:
    plain, packed, again = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"

    for path in (plain, packed, again):
        with atomic_text(path) as file:
            file.write("é\n")
            assert not path.exists()

    assert plain.read_bytes() == gzip.decompress(packed.read_bytes()) == "é\n".encode()
    assert packed.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt.gz"])
def test_text_that_is_not_finished_leaves_nothing(tmp_path: Path, name: str) -> None:
    def fail() -> None:
        with atomic_text(tmp_path / name) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_until_the_end_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("old")

    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    ordinary, path = tmp_path / "ordinary", tmp_path / "notes.txt"
    ordinary.touch()

    write_text(path, "text")

    assert path.stat().st_mode == ordinary.stat().st_mode


def test_a_folder_to_write_is_missing_or_empty(tmp_path: Path) -> None:
    refuse_nonempty(tmp_path / "missing")
    refuse_nonempty(tmp_path)
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(AtlopError, match="already exists; pass another folder"):
            refuse_nonempty(taken)


def test_a_file_to_write_is_missing(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "missing")
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(AtlopError, match="already exists; pass another name, or remove this one"):
            refuse_existing(taken)


def replace_with(folder: Path, text: str) -> None:
    with atomic_folder(folder) as new:
        (new / "part").mkdir()
        (new / "part" / "file").write_text(text)


def text_in(folder: Path) -> str:
    return (recovered(folder) / "part" / "file").read_text()


def test_a_folder_is_written_and_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "folder"
    for text in ("one", "two"):
        replace_with(folder, text)
        assert text_in(folder) == text
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    replace_with(folder, "old")

    def fail() -> None:
        with atomic_folder(folder) as new:
            (new / "file").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert text_in(folder) == "old"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("operation", range(1, 50))
def test_a_stop_before_any_file_operation_leaves_the_old_folder_or_the_new_one(operation: int, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    replace_with(folder, "old")
    process = os.fork()
    if process == 0:
        left = operation

        def count(event: str, arguments: object) -> None:
            nonlocal left
            left -= event.startswith("os.") or event == "open"
            if left == 0:
                os._exit(1)

        sys.addaudithook(count)
        replace_with(folder, "new")
        os._exit(0)
    os.waitpid(process, 0)
    assert text_in(folder) in ("old", "new")
    recover(folder)
    assert text_in(folder) == (folder / "part" / "file").read_text()
    replace_with(folder, "newer")
    assert text_in(folder) == "newer"
    assert list(tmp_path.iterdir()) == [folder]
