"""The records of a corpus file: the items of one JSON list, or a JSON object per line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlop.corpora.issues import IssueCollector
from atlop.corpora.json_list import stream_json_list
from atlop.corpora.json_objects import parse_json_object
from atlop.errors import AtlopError
from atlop.files import read_lines
from atlop.json_values import abbreviated


def expected_line(keys: str) -> str:
    """Return the part of messages that says what a line should be; `keys` are those of its object."""
    return f"expected one JSON object per line, with {keys}"


def read_records(
    path: Path, *, keys: str, in_lines: bool, issues: IssueCollector
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object with its name in messages: `document 3` of a list, `line 4` of a file in lines.

    Only one is in memory. What is no object is reported to `issues`; blank lines are ignored.

    Args:
        path: The file.
        keys: The keys that an object should have, for messages.
        in_lines: Whether the file has an object per line; otherwise it is one list.
        issues: Collects what is invalid.

    Raises:
        AtlopError: The file cannot be read, is not the one list that is expected, or an item is invalid and `issues` is
            strict.
    """
    for name, item in _lines(path) if in_lines else _items(path, keys=keys):
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
