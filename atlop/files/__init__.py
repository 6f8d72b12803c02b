"""Read files with errors that name them; write files and folders atomically, one writer at a time."""

from atlop.files.outputs import (
    Writer,
    current_writer,
    hidden_path,
    one_writer,
    refuse_existing,
    refuse_nonempty,
    refuse_tilde,
)
from atlop.files.reading import file_sha256, max_unpacked_bytes, opened, read_json, read_lines, read_toml, reading
from atlop.files.temporary import sweep
from atlop.files.writing import (
    atomic_folder,
    atomic_path,
    atomic_text,
    default_mode,
    model_folder,
    recover,
    recover_all,
    recovered,
    sync,
    write_json,
    write_text,
)

__all__ = [
    "Writer",
    "atomic_folder",
    "atomic_path",
    "atomic_text",
    "current_writer",
    "default_mode",
    "file_sha256",
    "hidden_path",
    "max_unpacked_bytes",
    "model_folder",
    "one_writer",
    "opened",
    "read_json",
    "read_lines",
    "read_toml",
    "reading",
    "recover",
    "recover_all",
    "recovered",
    "refuse_existing",
    "refuse_nonempty",
    "refuse_tilde",
    "sweep",
    "sync",
    "write_json",
    "write_text",
]
