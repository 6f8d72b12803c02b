"""The start of a file, by which its format is recognised."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

import ijson

from atlop.files import opened
from atlop.parsing import JSON_CHUNK

_MAX_LINE = 1 << 24  # bytes; one line of the paper's format holds every pair of a document
_MAX_DEPTH = 1000  # of nested lists and objects
_BACKENDS = ijson, ijson.get_backend("python")
"""Parsers in the order of trial: the fast one refuses numbers beyond 64 bits. Without `use_float` it converts them by
Python, and crashes on those with more digits than Python converts."""


class FileStart:
    """The start of a file, unpacked and without leading space; empty for a folder.

    All attributes and methods raise `AtlopError` if the file cannot be read.
    """

    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def first_byte(self) -> bytes:
        """The first byte that is not space; empty if there is none."""
        if self.path.is_dir():
            return b""
        with self._opened() as file:
            return file.peek(1)[:1]

    @cached_property
    def first_line(self) -> bytes:
        """The first line that is not blank, without its line ending; at most 16 MiB."""
        return next(self.lines(), b"")

    def lines(self) -> Iterator[bytes]:
        """Yield the lines without their line endings, from the first that is not blank."""
        if self.first_byte:
            with self._opened() as file:
                while line := file.readline(_MAX_LINE):
                    yield line.rstrip(b"\r\n")

    def json_keys(self) -> Iterator[str]:
        """Yield the keys of the outermost JSON object, or of the first one in a list, until the file is not JSON."""
        if self.first_byte not in (b"[", b"{"):
            return
        level = 2 if self.first_byte == b"[" else 1  # of the object's keys
        count = 0
        for backend in _BACKENDS:
            with self._opened() as file, suppress(ijson.JSONError, ValueError):
                events = backend.basic_parse(file, multiple_values=True, use_float=True, buf_size=JSON_CHUNK)
                for key in islice(_keys(events, level=level), count, None):
                    yield key
                    count += 1
                return

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader]:
        with opened(self.path) as file:
            while (ahead := file.peek(1)).isspace():
                file.read(len(ahead))
            file.read(len(ahead) - len(ahead.lstrip()))
            yield file


def _keys(events: Iterable[tuple[str, Any]], *, level: int) -> Iterator[str]:
    """Yield the keys at a level of nesting, until the first object there ends."""
    depth = 0
    for event, value in events:
        depth += event.startswith("start")
        depth -= event.startswith("end")
        if event == "map_key" and depth == level:
            yield value
        elif depth > _MAX_DEPTH or (depth < level and event != "start_array"):
            return
