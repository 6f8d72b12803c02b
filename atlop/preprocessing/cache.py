"""The cache of preprocessed corpora on disk: built once, verified on every use, removed when unused."""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time
from typing import Any

import platformdirs
import pyarrow as pa
from filelock import FileLock

from atlop.errors import AtlopError
from atlop.files import atomic_path, file_sha256, read_json, write_text
from atlop.json_values import expect, field, typed
from atlop.preprocessing.corpus import CorpusMetadata, PreprocessedCorpus
from atlop.preprocessing.identity import sha256_of_json
from atlop.preprocessing.mapped import MappedTable
from atlop.preprocessing.table import SCHEMA, check_table

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "ATLOP_CACHE"
"""Environment variable for the folder of the cache."""
UNUSED_DAYS = 30
"""Days after which an unused entry is removed."""

_NAME = re.compile(r"[0-9a-f]{64}\.(arrow|json|lock)|\.atlop-")

Build = Callable[[pa.NativeFile], CorpusMetadata]
"""Writes the table and returns its metadata; may be called again from the start."""


def cache_folder() -> Path:
    """Return the folder of the cache: `$ATLOP_CACHE`, or `atlop/preprocessed` in the user's cache folder.

    Raises:
        RuntimeError: The user has no home folder.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    return (Path(folder) if folder else platformdirs.user_cache_path("atlop") / "preprocessed").expanduser()


def cached(key: Mapping[str, Any], *, name: str, tokens: int, build: Build) -> PreprocessedCorpus:
    """Return the entry of a key; if there is none, one process builds it while the others wait.

    The key is all that the entry depends on, as JSON values; the name is that of the corpus in messages; token ids are
    less than `tokens`. If the folder cannot be written, the corpus is built in memory, with a warning.
    """
    try:
        entry = _Entry(cache_folder(), key, tokens=tokens)
    except RuntimeError as error:
        return _built_in_memory(build, name=name, problem=f"({error})")
    corpus = entry.read()
    if corpus is not None:
        logger.info("%s: already preprocessed, read from %s", name, entry.table)
        return corpus
    problem = "it was removed at once"
    try:
        entry.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.lock):
            corpus = entry.read()  # another process may have built it meanwhile
            if corpus is None:
                entry.write(build)
                corpus = entry.read()
                _remove_unused(entry.folder)
    except (OSError, NotImplementedError) as error:  # the latter from file systems without locks
        problem = str(error)
    if corpus is None:
        return _built_in_memory(build, name=name, problem=f"in {entry.folder} ({problem})")
    logger.info("%s: preprocessed, cached in %s", name, entry.table)
    return corpus


def _built_in_memory(build: Build, *, name: str, problem: str) -> PreprocessedCorpus:
    logger.warning(
        "%s: cannot be cached %s, so it is preprocessed in memory; set %s to another folder",
        name, problem, FOLDER_VARIABLE,
    )  # fmt: skip
    sink = pa.BufferOutputStream()
    metadata = build(sink)
    return PreprocessedCorpus(pa.ipc.open_file(sink.getvalue()).read_all(), metadata)


@dataclass(frozen=True)
class _TableFile:
    """Size and sha256 of a table."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class _Content:
    """What the metadata of an entry holds."""

    key: dict[str, Any]
    table: _TableFile
    metadata: CorpusMetadata


class _Entry:
    """Two files: the table, and its metadata with a digest of both, which is written last."""

    def __init__(self, folder: Path, key: Mapping[str, Any], *, tokens: int):
        self._key, self._tokens = dict(key), tokens
        self.folder = folder
        digest = sha256_of_json(self._key)
        self.table, self.metadata, self.lock = (folder / f"{digest}.{kind}" for kind in ("arrow", "json", "lock"))

    def write(self, build: Build) -> None:
        with atomic_path(self.table) as temporary, pa.OSFile(str(temporary), "wb") as sink:
            metadata = build(sink)
        file = _TableFile(bytes=self.table.stat().st_size, sha256=file_sha256(self.table))
        body = asdict(_Content(self._key, file, metadata))
        write_text(self.metadata, json.dumps({"sha256": sha256_of_json(body), "entry": body}, indent=1) + "\n")

    def read(self) -> PreprocessedCorpus | None:
        """Return the corpus if it exists and passes every check, and mark it as used."""
        try:
            if not self.metadata.exists():
                return None
            corpus = self._read_checked()
        except (ValueError, OSError, RecursionError, pa.ArrowException) as error:
            logger.warning("%s: damaged, so it is built again: %s", self.metadata, error)
            return None
        for file in (self.table, self.metadata, self.lock):
            with suppress(OSError):  # another user's, or just removed
                os.utime(file)
        return corpus

    def _read_checked(self) -> PreprocessedCorpus:
        where = str(self.metadata)
        content: dict[str, Any] = expect(read_json(self.metadata), dict, where=where)
        body: dict[str, Any] = field(content, "entry", dict, where=where)
        if field(content, "sha256", str, where=where) != sha256_of_json(body):
            raise AtlopError(f"{where}: its content does not match its sha256")
        entry = typed(body, _Content, where=where, advice="expected what preprocessing writes")
        if entry.key != self._key:
            raise AtlopError(f"{where}: has the key of another entry")
        found = _TableFile(bytes=self.table.stat().st_size, sha256=file_sha256(self.table))
        if entry.table != found:
            raise AtlopError(f"{self.table}: expected {entry.table}, found {found}")
        metadata = entry.metadata
        with pa.OSFile(str(self.table)) as file:  # a part at a time: what is mapped would stay in memory
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                part = pa.Table.from_batches([reader.get_batch(number)])
                check_table(part, tokens=self._tokens, relations=len(metadata.relations), types=len(metadata.types))
        mapped = MappedTable(self.table)
        if mapped.table.schema != SCHEMA or not 0 <= metadata.unlabelled <= len(mapped.table):
            raise AtlopError(f"{where}: describes other documents than those of {self.table}")
        return PreprocessedCorpus(mapped.table, metadata, release=mapped.release)


def _remove_unused(folder: Path) -> None:
    """Remove unused entries and leftovers of interrupted writes; other files stay."""
    oldest = time() - UNUSED_DAYS * 24 * 60 * 60
    for file in folder.iterdir():
        with suppress(OSError):  # another user's, or just removed
            if _NAME.match(file.name) and file.stat().st_mtime < oldest:
                file.unlink()
