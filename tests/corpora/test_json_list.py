import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from atlop.corpora import json_list
from atlop.corpora.json_list import stream_json_list
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.json_values import expect

LONG = ["é", "😀", 'a "b" \\ud800'] * 20_000
"""More than one reading of the file."""


def items(path: Path) -> list[Any]:
    return list(stream_json_list(path, expected="expected a list"))


def write(folder: Path, content: str | bytes, *, name: str = "list.json") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def never_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} was read whole")

    monkeypatch.setattr(json_list, "read_json", refuse)


@pytest.mark.usefixtures("never_whole")
@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf", b"  \n\t", b"\xef\xbb\xbf "])
@pytest.mark.parametrize("value", [[], [1, 2.5, None], [{"a": [1, {"b": []}]}, [[]]], ["é😀"] * 30_000])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_list_is_streamed(tmp_path: Path, head: bytes, value: list[Any], ascii_only: bool) -> None:
    content = head + json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n" * 20

    assert items(write(tmp_path, content)) == value


@pytest.mark.usefixtures("never_whole")
def test_a_packed_list_is_streamed(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(json.dumps(["é😀"] * 30_000).encode()), name="list.json.gz")

    assert items(path) == ["é😀"] * 30_000


@pytest.mark.usefixtures("never_whole")
def test_the_first_items_come_before_the_last_are_read(tmp_path: Path) -> None:
    rows = stream_json_list(write(tmp_path, json.dumps(["whole"] * 100_000) + "garbage"), expected="")

    assert [next(rows) for _ in range(3)] == ["whole"] * 3


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("times", [5000, 200_000])
def test_what_is_nested_too_deep_ends_in_a_message(tmp_path: Path, before: str, after: str, times: int) -> None:
    path = write(tmp_path, f"[1, {before * times}1{after * times}]")

    with pytest.raises(AtlopError, match=r"too deep|thousands of levels deep"):
        [expect(item, int, where="item") for item in stream_json_list(path, expected="expected numbers")]


@pytest.mark.usefixtures("never_whole")
def test_brackets_in_many_items_are_not_deep(tmp_path: Path) -> None:
    rows = [{"spans": [[1, 2]] * 20, "text": "closed ] and ["}] * 2000

    assert items(write(tmp_path, json.dumps(rows))) == rows


@pytest.mark.parametrize(
    "content",
    [
        "[NaN, Infinity, -Infinity]",
        "[1, 123456789012345678901234567890]",
        "[1, 1e999]",
        '["\\ud800"]',
        '["\\udc00", 1]',
        '["x\\ud83dx\\ude00"]',
        '["\\\\ud800"]',
        json.dumps([*LONG, "\ud800"]),
        json.dumps([*LONG, float("nan"), 2]),
        json.dumps([*LONG, 2**70, *LONG]),
        " " * 100 + "[1, 2]",
        "[1]",
    ],
)
def test_what_the_streaming_parser_does_not_take_is_the_same_as_ever(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)

    assert repr(items(path)) == repr(read_json(path))


def test_half_a_surrogate_pair_is_found_wherever_the_file_is_cut_for_reading(tmp_path: Path) -> None:
    for offset in range(40):
        filler = "x" * (65536 - 20 + offset)
        path = tmp_path / f"{offset}.json"
        path.write_text(json.dumps([filler, "\U0001f600", "\ud800"]))
        assert items(path)[1:] == ["\U0001f600", "\ud800"], offset


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "[1, 2",
        "[1, 2,]",
        "[1] x",
        "[1] [2]",
        "[1],",
        '[{"a": 1}, {"b" 2}]',
        "[/* one */ 1]",
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        '["é"]'.encode("utf-16"),
        json.dumps(LONG)[:-1],
        json.dumps(LONG) + "]",
        json.dumps(LONG) + " [1]",
        json.dumps(LONG).encode()[:-2] + b"\xff" + b'"]',
    ],
)
def test_what_is_not_json_is_refused_as_ever(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path, content)
    with pytest.raises(AtlopError) as expected:
        read_json(path)

    with pytest.raises(AtlopError) as found:
        items(path)

    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("content", ['{"item": [1, 2]}', "3", "null", '"[]"'])
def test_what_is_no_list_is_refused(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)

    with pytest.raises(AtlopError) as error:
        items(path)

    assert str(error.value) == f"{path}: expected a list; found {content}"


def test_a_packed_list_that_is_cut_or_not_packed_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(LONG).encode())
    for content in (packed[:-20], packed[: len(packed) // 2], b"[1, 2, 3]" * 10):
        with pytest.raises(AtlopError, match=r"list\.json\.gz: cannot be read"):
            items(write(tmp_path, content, name="list.json.gz"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AtlopError, match=r"list\.json: no such file"):
        items(tmp_path / "list.json")
