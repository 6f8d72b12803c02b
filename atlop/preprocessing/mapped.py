"""Arrow files mapped into memory."""

import mmap
from pathlib import Path

import pyarrow as pa


class MappedTable:
    """An Arrow IPC file whose columns are read from disk when they are used."""

    def __init__(self, path: Path):
        """Map a file.

        Raises:
            OSError: It cannot be read.
            pa.ArrowException: It is no Arrow IPC file.
        """
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.table: pa.Table = pa.ipc.open_file(pa.py_buffer(self._map)).read_all()

    def release(self) -> None:
        """Give the memory of what was read back; it is read again where it is used again.

        The system would do so under pressure, but until then the process would grow with all that it has ever read.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)
