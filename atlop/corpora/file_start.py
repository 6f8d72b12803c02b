"""The start of a file, by which its format is recognised."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import ijson
from ijson.common import ObjectBuilder

from atlop.files import opened
from atlop.parsing import JSON_CHUNK

_MAX_LINE = 1 << 24  # bytes; one line of the paper's format holds every pair of a document
_MAX_OBJECT = 1 << 22  # bytes of the first object that are parsed
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
    def head(self) -> bytes:
        """The first bytes, at most 4 KiB, from the first that is not space."""
        if self.path.is_dir():
            return b""
        with self._opened() as file:
            return file.read(4096)

    @property
    def first_byte(self) -> bytes:
        """The first byte that is not space; empty if there is none."""
        return self.head[:1]

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

    @cached_property
    def json_keys(self) -> tuple[str, ...]:
        """The keys of the outermost JSON object, or of the first one in a list, until the file is not JSON."""
        return () if self._first_object is None else self._first_object.keys

    @cached_property
    def json_object(self) -> dict[str, Any]:
        """That object, as far as it is among the first 4 MiB and JSON."""
        return {} if self._first_object is None else self._first_object.value

    @property
    def is_cut_short(self) -> bool:
        """Whether that object is not valid JSON to its end."""
        return self._first_object is not None and self._first_object.is_refused

    @cached_property
    def _first_object(self) -> "_ObjectStart | None":
        if self.first_byte not in (b"[", b"{"):
            return None
        with self._opened() as file:
            data = file.read(_MAX_OBJECT)
        found = [_ObjectStart(data, backend=backend) for backend in _BACKENDS[:1]]
        if found[0].is_refused and len(data) < _MAX_OBJECT:
            found += [_ObjectStart(data, backend=backend) for backend in _BACKENDS[1:]]
        return max(found, key=lambda each: (len(each.keys), not each.is_refused))

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader]:
        with opened(self.path) as file:
            while (ahead := file.peek(1)).isspace():
                file.read(len(ahead))
            file.read(len(ahead) - len(ahead.lstrip()))
            yield file


class _ObjectStart:
    """The first object of some JSON, as far as a parser takes it."""

    def __init__(self, data: bytes, *, backend: Any):
        level = 2 if data[:1] == b"[" else 1  # of the object's keys
        builder, depth = ObjectBuilder(), 0
        keys: list[str] = []
        self.is_refused = False
        try:
            events = backend.basic_parse(BytesIO(data), multiple_values=True, use_float=True, buf_size=JSON_CHUNK)
            for event, value in events:
                depth += event.startswith("start")
                if depth >= level:
                    builder.event(event, value)
                if event == "map_key" and depth == level:
                    keys.append(value)
                depth -= event.startswith("end")
                if depth > _MAX_DEPTH or (depth < level and event != "start_array"):
                    break
        except (ijson.JSONError, ValueError):
            self.is_refused = True
        found = getattr(builder, "value", None)
        self.keys = tuple(keys)
        self.value: dict[str, Any] = found if isinstance(found, dict) else {}
