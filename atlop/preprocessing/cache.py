"""The cache of preprocessed corpora on disk: built once, verified on every use, removed when unused."""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from time import time
from typing import Any

import platformdirs
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from atlop.errors import AtlopError
from atlop.files import atomic_path, file_sha256, read_json, write_text
from atlop.json_values import expect, field
from atlop.preprocessing.corpus import CorpusMetadata, PreprocessedCorpus
from atlop.preprocessing.identity import sha256_of_json
from atlop.preprocessing.table import SCHEMA
from atlop.schema import CorpusIssues

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


def cached(key: Mapping[str, Any], *, name: str, build: Build) -> PreprocessedCorpus:
    """Return the entry of a key; if there is none, one process builds it while the others wait.

    The key is all that the entry depends on, as JSON values; the name is that of the corpus in messages. If the folder
    cannot be written, the corpus is built in memory, with a warning.
    """
    try:
        entry = _Entry(cache_folder(), key)
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


class _Entry:
    """Two files: the table, and its metadata with a digest of both, which is written last."""

    def __init__(self, folder: Path, key: Mapping[str, Any]):
        self._key = dict(key)
        self.folder = folder
        digest = sha256_of_json(self._key)
        self.table, self.metadata, self.lock = (folder / f"{digest}.{kind}" for kind in ("arrow", "json", "lock"))

    def write(self, build: Build) -> None:
        with atomic_path(self.table) as temporary, pa.OSFile(str(temporary), "wb") as sink:
            metadata = build(sink)
        body = {
            "key": self._key,
            "table": {"bytes": self.table.stat().st_size, "sha256": file_sha256(self.table)},
            "metadata": asdict(metadata),
        }
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
        if body.get("key") != self._key:
            raise AtlopError(f"{where}: has the key of another entry")
        file: dict[str, Any] = field(body, "table", dict, where=where)
        found = {"bytes": self.table.stat().st_size, "sha256": file_sha256(self.table)}
        if file != found:
            raise AtlopError(f"{self.table}: expected {file}, found {found}")
        with pa.memory_map(str(self.table)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
        if table.schema != SCHEMA:
            raise AtlopError(f"{self.table}: has other columns")
        metadata = _metadata(field(body, "metadata", dict, where=where), where=where)
        last = pc.max(pc.list_flatten(table["label_relations"])).as_py()
        if metadata.unlabelled > len(table) or (last is not None and last >= len(metadata.relations)):
            raise AtlopError(f"{where}: describes other documents than those of {self.table}")
        return PreprocessedCorpus(table, metadata)


def _metadata(record: dict[str, Any], *, where: str) -> CorpusMetadata:
    issues: dict[str, Any] = field(record, "issues", dict, where=where)
    skipped, hints = (_strings(issues, kind, where=where) for kind in ("skipped", "hints"))
    counts = {
        kind.name: field(issues, kind.name, int, where=where) for kind in fields(CorpusIssues) if kind.type is int
    }
    return CorpusMetadata(
        relations=_strings(record, "relations", where=where),
        types=_strings(record, "types", where=where),
        unlabelled=field(record, "unlabelled", int, where=where),
        issues=CorpusIssues(skipped, hints, **counts),
        texts=_strings(record, "texts", where=where),
    )


def _strings(record: dict[str, Any], key: str, *, where: str) -> tuple[str, ...]:
    return tuple(expect(value, str, where=f"{where}, {key}") for value in field(record, key, list, where=where))


def _remove_unused(folder: Path) -> None:
    """Remove unused entries and leftovers of interrupted writes; other files stay."""
    oldest = time() - UNUSED_DAYS * 24 * 60 * 60
    for file in folder.iterdir():
        with suppress(OSError):  # another user's, or just removed
            if _NAME.match(file.name) and file.stat().st_mtime < oldest:
                file.unlink()
