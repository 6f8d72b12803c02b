"""Preprocessed corpora kept on disk: made once, checked whenever they are used, forgotten when they are not."""

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
from atlop.preprocessing.corpus import Contents, PreprocessedCorpus
from atlop.preprocessing.identity import sha256_of_json
from atlop.preprocessing.table import SCHEMA
from atlop.schema import CorpusIssues

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "ATLOP_CACHE"
"""Environment variable that names another folder for the entries."""
UNUSED_DAYS = 30
"""Days after which an entry that nobody used goes."""

_NAME = re.compile(r"\.?[0-9a-f]{64}\.(arrow|json|lock)")

Build = Callable[[pa.NativeFile], Contents]
"""Writes a table and returns what belongs to it; may be called again from the beginning."""


def cache_folder() -> Path:
    """Return the folder of the entries: `$ATLOP_CACHE`, or `atlop/preprocessed` among the user's caches."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("atlop") / "preprocessed"


def cached(key: Mapping[str, Any], *, name: str, build: Build) -> PreprocessedCorpus:
    """Return the entry of a key; it is built where there is none, by one process while the others wait.

    Where the folder cannot be written, the corpus is built in memory and a warning says so.

    Args:
        key: Everything that the entry depends on, as JSON values.
        name: What it is, for messages.
        build: Makes the entry.
    """
    entry = _Entry(cache_folder(), key)
    corpus = entry.read()
    if corpus is not None:
        logger.info("%s: preprocessed before, read from %s", name, entry.table)
        return corpus
    try:
        entry.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.lock):
            corpus = entry.read()  # perhaps another process made it meanwhile
            if corpus is None:
                entry.write(build)
                corpus = entry.read()
                _remove_unused(entry.folder)
    except (OSError, NotImplementedError) as error:  # the latter where the file system knows no locks
        logger.warning(
            "%s: cannot be kept in %s (%s), so it is preprocessed in memory; %s names another folder",
            name, entry.folder, error, FOLDER_VARIABLE,
        )  # fmt: skip
    if corpus is None:
        return _in_memory(build)
    logger.info("%s: preprocessed, kept in %s", name, entry.table)
    return corpus


class _Entry:
    """Two files: the table, and beside it what belongs to it, with a digest of both; the latter is written last."""

    def __init__(self, folder: Path, key: Mapping[str, Any]):
        self._key = dict(key)
        self.folder = folder
        digest = sha256_of_json(self._key)
        self.table, self.contents, self.lock = (folder / f"{digest}.{kind}" for kind in ("arrow", "json", "lock"))

    def write(self, build: Build) -> None:
        with atomic_path(self.table) as temporary, pa.OSFile(str(temporary), "wb") as sink:
            contents = build(sink)
        body = {
            "key": self._key,
            "table": {"bytes": self.table.stat().st_size, "sha256": file_sha256(self.table)},
            "contents": asdict(contents),
        }
        write_text(self.contents, json.dumps({"sha256": sha256_of_json(body), "entry": body}, indent=1) + "\n")

    def read(self) -> PreprocessedCorpus | None:
        """Return the corpus if there is one and every check holds, and mark it as used."""
        try:
            if not self.contents.exists():
                return None
            corpus = self._checked()
        except (ValueError, OSError, RecursionError, pa.ArrowException) as error:
            logger.warning("%s: damaged, so it is made again: %s", self.contents, error)
            return None
        for file in (self.table, self.contents, self.lock):
            with suppress(OSError):  # somebody else's, or just removed
                os.utime(file)
        return corpus

    def _checked(self) -> PreprocessedCorpus:
        where = str(self.contents)
        whole: dict[str, Any] = expect(read_json(self.contents), dict, where=where)
        body: dict[str, Any] = field(whole, "entry", dict, where=where)
        if field(whole, "sha256", str, where=where) != sha256_of_json(body):
            raise AtlopError(f"{where}: does not have the sha256 that it names")
        if body.get("key") != self._key:
            raise AtlopError(f"{where}: belongs to another key")
        file: dict[str, Any] = field(body, "table", dict, where=where)
        found = {"bytes": self.table.stat().st_size, "sha256": file_sha256(self.table)}
        if file != found:
            raise AtlopError(f"{self.table}: expected {file}, found {found}")
        with pa.memory_map(str(self.table)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
        if table.schema != SCHEMA:
            raise AtlopError(f"{self.table}: has other columns")
        contents = _contents(field(body, "contents", dict, where=where), where=where)
        most = pc.max(pc.list_flatten(table["label_relations"])).as_py()
        if contents.unlabelled > len(table) or (most is not None and most >= len(contents.relations)):
            raise AtlopError(f"{where}: speaks of other documents than {self.table}")
        return PreprocessedCorpus(table, contents)


def _contents(row: dict[str, Any], *, where: str) -> Contents:
    issues: dict[str, Any] = field(row, "issues", dict, where=where)
    counts = {
        kind.name: field(issues, kind.name, int, where=where) for kind in fields(CorpusIssues) if kind.name != "skipped"
    }
    return Contents(
        relations=_strings(row, "relations", where=where),
        types=_strings(row, "types", where=where),
        unlabelled=field(row, "unlabelled", int, where=where),
        issues=CorpusIssues(skipped=_strings(issues, "skipped", where=where), **counts),
    )


def _strings(row: dict[str, Any], key: str, *, where: str) -> tuple[str, ...]:
    return tuple(expect(value, str, where=f"{where}, {key}") for value in field(row, key, list, where=where))


def _in_memory(build: Build) -> PreprocessedCorpus:
    sink = pa.BufferOutputStream()
    contents = build(sink)
    return PreprocessedCorpus(pa.ipc.open_file(sink.getvalue()).read_all(), contents)


def _remove_unused(folder: Path) -> None:
    """Remove entries, and what interrupted writing left, that were not used for long; other files stay."""
    oldest = time() - UNUSED_DAYS * 24 * 60 * 60
    for file in folder.iterdir():
        with suppress(OSError):  # somebody else's, or just removed
            if _NAME.match(file.name) and file.stat().st_mtime < oldest:
                file.unlink()
