"""Streaming of the items of a JSON list of any length."""

import re
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import Any

import ijson

from atlop.errors import AtlopError
from atlop.files import opened, read_json
from atlop.json_values import abbreviated
from atlop.parsing import JSON_CHUNK

_LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_SURROGATE_PAIR = rb"\ud83d\ude00"
_MAX_DEPTH = 8000
"""Limit of nested brackets; the parser's memory grows with the square of the depth."""
_COUNTED_TOGETHER = 1 << 14
"""Bytes whose opening brackets count before their closing ones; valid items have far fewer in these."""


def stream_json_list(path: Path, *, expected: str, key: str | None = None) -> Iterator[Any]:
    """Yield the items of a JSON file that is one list (`.json`, `.json.gz`), equal to those of `read_json`.

    With `key`, the file is an object that has the list under this key.

    Only one item is in memory. Files that the streaming parser rejects, damaged or just unusual (NaN, numbers beyond
    64 bits), are loaded whole instead, which finds the error; `expected` is part of the message if it is no list.

    Raises:
        AtlopError: The file cannot be read, is not JSON, or is not a list.
    """
    count = 0
    try:
        for item in _streamed(path, key=key):
            yield item
            count += 1
    except _NotStreamableError:
        items = read_json(path)
        if key is not None and isinstance(items, dict):
            items = items.get(key)
        if not isinstance(items, list):
            raise AtlopError(f"{path}: {expected}; found {abbreviated(items)}") from None
        yield from islice(items, count, None)


class _NotStreamableError(Exception):
    """The streaming parser rejects the file, which may be valid."""


def _streamed(path: Path, *, key: str | None) -> Iterator[Any]:
    try:
        with opened(path) as file:
            text = _Text(file, begins=b"[" if key is None else b"{")
            prefix = "item" if key is None else f"{key}.item"
            yield from ijson.items(text, prefix, use_float=True, buf_size=JSON_CHUNK)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise _NotStreamableError from error


class _Text:
    """A file's bytes for the streaming parser; rejects what it misreads.

    It reads an object as an empty list, and a lone surrogate as a question mark.
    """

    def __init__(self, file: BufferedIOBase, *, begins: bytes):
        """Raise `_NotStreamableError` unless the file begins so."""
        self._file = file
        self._buffer = file.read(64)
        if not self._buffer.lstrip().startswith(begins):
            raise _NotStreamableError
        self._open = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes except the last few, where a surrogate pair may be incomplete.

        Raises:
            _NotStreamableError: There is a lone surrogate, or nesting is too deep.
        """
        if size == 0:  # the parser tests whether the file is binary
            return b""
        new = self._file.read(size)
        data = self._buffer + new
        complete = max(0, len(data) - len(_SURROGATE_PAIR) + 1) if new else len(data)
        lone = _LONE_SURROGATE.search(data)
        if lone and lone.start() < complete:
            raise _NotStreamableError
        self._buffer = data[complete:]
        self._count_brackets(data[:complete])
        return data[:complete]

    def _count_brackets(self, data: bytes) -> None:
        """Reject what may be nested too deep; brackets in strings count too, which at worst disables streaming."""
        for first in range(0, len(data), _COUNTED_TOGETHER):
            part = data[first : first + _COUNTED_TOGETHER]
            opening, closing = (part.count(one) + part.count(other) for one, other in ((b"[", b"{"), (b"]", b"}")))
            if self._open + opening > _MAX_DEPTH:
                raise _NotStreamableError
            self._open = max(0, self._open + opening - closing)
