"""The items of a JSON list, one after the other, however long the list."""

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

_HALF_A_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_PAIR = rb"\ud83d\ude00"
_DEEPEST = 8000
"""Opening brackets that may be open at once; the parser's memory grows with the square of their number."""


def stream_json_list(path: Path, *, expected: str) -> Iterator[Any]:
    """Yield the items of a JSON file that is one list (`.json`, `.json.gz`), the same as `read_json` gives.

    Only what is being read lies in memory. A file that the streaming parser does not take, be it damaged or only
    unusual (NaN, numbers beyond 64 bits), is read whole instead: that tells what is wrong, and where.

    Args:
        path: The file.
        expected: What should be there, for the message.

    Raises:
        AtlopError: The file cannot be read, is not JSON, or is no list.
    """
    count = 0
    try:
        for item in _streamed(path):
            yield item
            count += 1
    except _NotStreamableError:
        rows = read_json(path)
        if not isinstance(rows, list):
            raise AtlopError(f"{path}: {expected}; found {abbreviated(rows)}") from None
        yield from islice(rows, count, None)


class _NotStreamableError(Exception):
    """The streaming parser cannot take the file; nothing is said about whether it is right."""


def _streamed(path: Path) -> Iterator[Any]:
    try:
        with opened(path) as file:
            yield from ijson.items(_Text(file), "item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise _NotStreamableError from error


class _Text:
    """A file's bytes, for the streaming parser to read.

    The parser takes an object for an empty list, and half a surrogate pair for a question mark; both are kept from it,
    and so is what may be nested too deep.
    """

    def __init__(self, file: BufferedIOBase):
        """Look at the beginning.

        Raises:
            _NotStreamableError: No list begins there.
        """
        self._file = file
        self._ahead = file.read(64)
        if not self._ahead.lstrip().startswith(b"["):
            raise _NotStreamableError
        self._open = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes, all but the last few: there a surrogate pair may be cut.

        Raises:
            _NotStreamableError: There is half a surrogate pair, or there are too many brackets.
        """
        if size == 0:  # the parser asks whether it gets bytes or text
            return b""
        new = self._file.read(size)
        data = self._ahead + new
        given = max(0, len(data) - len(_PAIR) + 1) if new else len(data)
        half = _HALF_A_PAIR.search(data)
        if half and half.start() < given:
            raise _NotStreamableError
        self._ahead = data[given:]
        self._count_brackets(data[:given])
        return data[:given]

    def _count_brackets(self, data: bytes) -> None:
        """Refuse what may be too deep; brackets in strings count too, which at worst has a file read whole."""
        opening, closing = (data.count(one) + data.count(other) for one, other in ((b"[", b"{"), (b"]", b"}")))
        if self._open + opening > _DEEPEST:
            raise _NotStreamableError
        self._open = max(0, self._open + opening - closing)
