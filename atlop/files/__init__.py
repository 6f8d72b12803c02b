"""Read files with errors that name them; write files and folders atomically, one writer at a time."""

from atlop.files.models import model_digest, model_folder
from atlop.files.outputs import (
    WritingProcess,
    current_writer,
    hidden_path,
    one_writer,
    refuse_existing,
    refuse_nonempty,
    refuse_tilde,
)
from atlop.files.own_code import own_sources
from atlop.files.reading import file_sha256, max_unpacked_bytes, opened, read_json, read_lines, read_toml, reading
from atlop.files.remote import address, exists, files_below, is_folder, is_remote, open_bytes, remove_folder
from atlop.files.temporary import sweep
from atlop.files.writing import (
    atomic_folder,
    atomic_path,
    atomic_text,
    default_mode,
    recover,
    recover_all,
    recovered,
    sync,
    write_json,
    write_text,
)

__all__ = [
    "WritingProcess",
    "address",
    "atomic_folder",
    "atomic_path",
    "atomic_text",
    "current_writer",
    "default_mode",
    "exists",
    "file_sha256",
    "files_below",
    "hidden_path",
    "is_folder",
    "is_remote",
    "max_unpacked_bytes",
    "model_digest",
    "model_folder",
    "one_writer",
    "open_bytes",
    "opened",
    "own_sources",
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
    "remove_folder",
    "sweep",
    "sync",
    "write_json",
    "write_text",
]
