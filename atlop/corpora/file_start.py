"""The start of a file, by which its format is recognised."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from io import BufferedReader
from pathlib import Path

import ijson

from atlop.files import opened

_MAX_LINE = 1 << 24  # bytes; one line of the paper's format holds every pair of a document
_MAX_DEPTH = 1000  # of nested lists and objects


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
        depth = 0
        with self._opened() as file:
            try:
                for event, value in ijson.basic_parse(file, multiple_values=True):
                    depth += event.startswith("start")
                    depth -= event.startswith("end")
                    if event == "map_key" and depth == level:
                        yield value
                    elif depth > _MAX_DEPTH or (depth < level and event != "start_array"):
                        return
            except (ijson.JSONError, ValueError, SystemError):  # the latter two for numbers with thousands of digits
                return

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader]:
        with opened(self.path) as file:
            while (ahead := file.peek(1)).isspace():
                file.read(len(ahead))
            file.read(len(ahead) - len(ahead.lstrip()))
            yield file
