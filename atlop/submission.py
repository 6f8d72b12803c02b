"""Write, read and check leaderboard files: `result.json`, and the zip that DocRED's leaderboard takes."""

import json
import logging
import lzma
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlop.errors import AtlopError
from atlop.files import atomic_path, max_unpacked_bytes, read_json, reading, write_text
from atlop.json_values import expect, field, integers
from atlop.parsing import parse_json
from atlop.schema import Document, Fact
from atlop.submission_problems import MAX_LISTED, Problems, Titles, fact_problems, index_problems, repeated_titles

logger = logging.getLogger(__name__)

MEMBER = "result.json"
"""The one file that the leaderboard expects in the zip, at its top level."""
_BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, RuntimeError, ValueError),  # RuntimeError: encrypted; ValueError: impossible offsets
)
"""What zipfile raises for a file that is damaged or not a zip."""


@dataclass(frozen=True)
class Submission:
    """The facts of a submission file, by document."""

    path: Path
    predictions: tuple[tuple[Fact, ...], ...]
    """Distinct facts of each document, in the order of the documents; the first of duplicates is kept."""
    duplicates: int
    """Number of rows dropped because an earlier one has the same title, subject, object and relation."""
    unknown: int
    """Number of distinct facts whose title is not of any document."""
    unknown_titles: tuple[str, ...]


def write_submission(
    path: Path,
    *,
    documents: Sequence[Document],
    predictions: Sequence[Collection[Fact]],
    relations: Collection[str],
) -> Path:
    """Check the facts, then write `path` (JSON) and a zip of the same stem in the same folder.

    Args:
        path: Path of the JSON, usually `result.json`; that is always its name in the zip.
        documents: The documents of the test file.
        predictions: Facts of each document, in the order of the documents.
        relations: All relations of the leaderboard.

    Returns:
        The path of the zip.

    Raises:
        AtlopError: The files would be invalid; nothing is written.
    """
    if path.suffix != ".json":
        raise AtlopError(f"{path}: expected a name that ends in .json; a zip is written to the same folder")
    if len(predictions) != len(documents):
        raise AtlopError(
            f"{path}: predictions for {len(predictions)} documents, but the test file has {len(documents)}"
        )
    problems = Problems()
    problems.extend("repeated title", repeated_titles(documents))
    known = frozenset(relations)
    rows = []
    for document, facts in zip(documents, predictions, strict=True):
        seen: set[tuple[int, int, str]] = set()
        for fact in facts:
            where = f'document "{document.title}", fact {fact.subject} → {fact.object} {fact.relation}'
            for kind, message in fact_problems(fact, document=document, relations=known):
                problems.add(kind, f"{where}: {message}")
            if fact.key in seen:
                problems.add("duplicate", f"{where}: repeated")
            seen.add(fact.key)
            row = {"title": document.title, "h_idx": fact.subject, "t_idx": fact.object, "r": fact.relation}
            rows.append(row | {"evidence": list(fact.evidence)} if fact.evidence else row)
    if listed := problems.listed():
        raise AtlopError(f"{path}: not written: " + "; ".join(listed))
    text = "[" + ",".join("\n" + json.dumps(row) for row in rows) + "\n]\n"
    zip_path = path.with_suffix(".zip")
    write_text(path, text)
    with atomic_path(zip_path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        member = zipfile.ZipInfo(MEMBER, date_time=(1980, 1, 1, 0, 0, 0))  # so that the same facts give the same bytes
        member.compress_type = zipfile.ZIP_DEFLATED
        member.create_system = 3
        member.external_attr = 0o644 << 16
        archive.writestr(member, text)
    return zip_path


def read_submission(path: Path, *, documents: Sequence[Document]) -> Submission:
    """Read a submission for scoring, as leniently as the official scorer.

    Unknown titles, unknown relations, duplicates and facts from an entity to itself are not errors here;
    `check_submission` lists them. In undirected documents, a fact is the same in both orders.

    Args:
        path: The JSON file, or the zip.
        documents: The documents to score.

    Raises:
        AtlopError: The file is malformed, an entity index is beyond its document, or two documents share a title.
    """
    for message in repeated_titles(documents):
        raise AtlopError(f"{path}: {message}")
    index_of = {document.title: index for index, document in enumerate(documents)}
    predictions: list[dict[tuple[int, int, str], Fact]] = [{} for _ in documents]
    unknown: dict[tuple[str, int, int, str], None] = {}
    rows = _read_rows(path)
    for number, row in enumerate(rows):
        where = f"{path}, row {number}"
        title, fact = _parse_row(row, where=where)
        if title not in index_of:
            unknown[title, *fact.key] = None
            continue
        document = documents[index_of[title]]
        for message in index_problems(fact, document=document):
            raise AtlopError(f'{where} ("{title}"): {message}; the file may belong to another corpus')
        if not document.directed and fact.subject > fact.object:
            fact = replace(fact, subject=fact.object, object=fact.subject)
        predictions[index_of[title]].setdefault(fact.key, fact)
    unknown_titles = dict.fromkeys(title for title, *_ in unknown)
    titles = Titles(documents)
    hints = [hint for title in unknown_titles if (hint := titles.hint(title))]
    if hints:
        logger.warning("%s: %d titles are not those of documents%s", path, len(hints), hints[0])
    kept = sum(map(len, predictions)) + len(unknown)
    return Submission(
        path=path,
        predictions=tuple(tuple(facts.values()) for facts in predictions),
        duplicates=len(rows) - kept,
        unknown=len(unknown),
        unknown_titles=tuple(unknown_titles),
    )


def check_submission(path: Path, *, documents: Sequence[Document], relations: Collection[str] | None) -> Problems:
    """Find what the leaderboard would reject or count as wrong.

    Args:
        path: The JSON file, or the zip.
        documents: The documents of the test file.
        relations: All relations of the leaderboard; `None` does not check relations.

    Returns:
        The problems, none for a valid file.
    """
    problems = Problems()
    problems.extend("repeated title", repeated_titles(documents))
    try:
        rows = _read_rows(path)
    except AtlopError as problem:
        problems.add("unreadable", str(problem))
        return problems
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            others = [name for name in archive.namelist() if name != MEMBER]
        for name in others:
            problems.add("other file", f"{path}: holds {name} besides {MEMBER}; the leaderboard expects no other file")
    titles = Titles(documents)
    by_title = {document.title: document for document in documents}
    known = None if relations is None else frozenset(relations)
    first_row: dict[tuple[str, int, int, str], int] = {}
    for number, row in enumerate(rows):
        where = f"{path}, row {number}"
        try:
            title, fact = _parse_row(row, where=where)
        except AtlopError as problem:
            problems.add("malformed row", str(problem))
            continue
        document = by_title.get(title)
        if document is None:
            problems.add("unknown title", f'{where}: no document has the title "{title}"{titles.hint(title)}')
        for kind, message in fact_problems(fact, document=document, relations=known):
            problems.add(kind, f'{where} ("{title}"): {message}')
        first = first_row.setdefault((title, *fact.key), number)
        if first != number:
            problems.add("duplicate", f'{where} ("{title}"): repeats row {first}')
    return problems


def _read_rows(path: Path) -> list[Any]:
    value = _read_member(path) if path.suffix == ".zip" else read_json(path)
    return expect(value, list, where=str(path))


def _read_member(path: Path) -> Any:
    try:
        with reading(path), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if MEMBER not in names:
                found = ", ".join(names[:MAX_LISTED]) or "nothing"
                raise AtlopError(f"{path}: expected {MEMBER} at the top level of the zip, found {found}")
            member = archive.getinfo(MEMBER)
            if member.file_size > (limit := max_unpacked_bytes(path.stat().st_size)):
                raise AtlopError(
                    f"{path}: {MEMBER} in it unpacks to {member.file_size:,} bytes; expected at most {limit:,}, "
                    "which no submission of this size needs"
                )
            data = archive.read(member)
    except AtlopError:
        raise
    except _BAD_ZIP as error:
        raise AtlopError(f"{path}: cannot be read as a zip: {error}") from None
    return parse_json(data, where=f"{path}, {MEMBER}")


def _parse_row(value: object, *, where: str) -> tuple[str, Fact]:
    row: dict[str, Any] = expect(value, dict, where=where)
    evidence: tuple[int, ...] = ()
    if "evidence" in row:
        evidence = integers(field(row, "evidence", list, where=where), where=f'{where}, "evidence"')
    fact = Fact(
        subject=field(row, "h_idx", int, where=where),
        object=field(row, "t_idx", int, where=where),
        relation=field(row, "r", str, where=where),
        evidence=evidence,
    )
    return field(row, "title", str, where=where), fact
