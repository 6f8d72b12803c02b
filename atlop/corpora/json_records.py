"""The records of a corpus file: the items of one JSON list, an object a line, or objects one after the other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlop.corpora.file_start import FileStart
from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_list import stream_json_list
from atlop.corpora.json_objects import parse_json_object, to_json_line
from atlop.errors import AtlopError
from atlop.files import opened, read_lines
from atlop.json_values import abbreviated
from atlop.parsing import TOO_DEEP, TOO_LONG_A_NUMBER

_NOT_SPACE = re.compile(r"\S")
_GOES_ON = (b"{", b"[", b",", b":")
"""Ends of a first line whose object goes on in the next."""


def expected_line(keys: str) -> str:
    """Return the part of messages that says what a line should be; `keys` are those of its object."""
    return f"expected one JSON object per line, with {keys}"


def read_records(path: Path, *, keys: str, issues: IssueCollector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object with its name in messages.

    The name is `document 3` in a list, `line 4` in a file with an object a line, and the line at which it begins in one
    whose objects are printed over several lines. Of the first two, only one object is in memory. What is no object is
    reported to `issues`; blank lines are ignored.

    Args:
        path: The file.
        keys: The keys that an object should have, for messages.
        issues: Collects what is invalid.

    Raises:
        AtlopError: The file cannot be read, or an item is invalid and `issues` is strict.
    """
    start = FileStart(path)
    name = path.name.removesuffix(".gz")
    if start.first_byte == b"[" or not (start.first_byte == b"{" or name.endswith(".jsonl")):
        items = _items(path, keys=keys)  # says what is wrong with what is no JSON
    elif start.first_byte == b"{" and start.first_line.rstrip().endswith(_GOES_ON):
        items = _printed(path, keys=keys)
    else:
        items = _lines(path)
    for name, item in items:
        where = f"{path}, {name}"
        try:
            if isinstance(item, bytes):
                item = parse_json_object(item, expected=expected_line(keys), where=where)
            elif not isinstance(item, dict):
                raise AtlopError(f"{where}: expected an object with {keys}; found {abbreviated(item)}")
        except AtlopError as problem:
            issues.add_invalid(problem)
        else:
            yield name, item


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line.isspace():
            yield f"line {number}", line


def _items(path: Path, *, keys: str) -> Iterator[tuple[str, Any]]:
    for index, item in enumerate(stream_json_list(path, expected=f"expected a JSON list of documents with {keys}")):
        yield f"document {index}", item


def _printed(path: Path, *, keys: str) -> Iterator[tuple[str, Any]]:
    with opened(path) as file:
        data = file.read()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{path}: byte {error.start} is not UTF-8; expected JSON in UTF-8") from None
    decoder = json.JSONDecoder()
    end, line = 0, 1
    while found := _NOT_SPACE.search(text, end):
        start = found.start()
        line += text.count("\n", end, start)
        where = f"line {line}"
        try:
            item, stop = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise AtlopError(
                f"{path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); expected objects "
                f"with {keys}"
            ) from None
        except ValueError:
            raise AtlopError(f"{path}, {where}: {TOO_LONG_A_NUMBER}") from None
        except RecursionError:
            raise AtlopError(f"{path}, {where}: {TOO_DEEP}") from None
        line += text.count("\n", start, stop)
        end = stop
        if isinstance(item, dict):
            to_json_line(item, where=f"{path}, {where}")  # rejects lone surrogates
        yield where, item
