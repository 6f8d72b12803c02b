"""Files looked at for `atlop check`: what they are, what is wrong with them, what they hold."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atlop.corpora import check_relations, read_corpus, relations_of, statistics_of
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.schema import RelationVocabulary
from atlop.submission import check_submission, read_submission


def is_submission(path: Path) -> bool:
    """Return whether a file is a submission: a zip, or a JSON list that begins with a row with `h_idx`."""
    if path.suffix == ".zip":
        return True
    try:
        rows = read_json(path)
    except AtlopError:
        return False  # the check of a corpus says what is wrong
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and "h_idx" in rows[0]


def check_corpus_file(path: Path, *, vocabulary: RelationVocabulary | None, layout: str) -> dict[str, Any]:
    """Return every problem and the statistics of a corpus file.

    Args:
        path: The file.
        vocabulary: The relations that it may have; `None` allows any.
        layout: A key of `CORPORA`.
    """
    result: dict[str, Any] = {"kind": "corpus", "path": path, "valid": False, "problems": [], "statistics": None}
    try:
        with _without_warnings("atlop.corpora"):  # they become the result
            corpus = read_corpus(path, layout=layout, invalid="skip")
    except AtlopError as error:
        return result | {"problems": [str(error)]}
    problems = list(corpus.skipped)
    if vocabulary is not None:
        try:
            check_relations(
                path,
                relations=relations_of(corpus.documents),
                vocabulary=vocabulary,
                skipped=bool(corpus.skipped),
            )
        except AtlopError as error:
            problems.append(str(error))
    statistics = asdict(statistics_of(corpus.documents)) | {"repeated_facts": corpus.merged}
    return result | {"valid": not problems, "problems": problems, "statistics": statistics}


def check_submission_file(
    path: Path, *, against: Path | None, vocabulary: RelationVocabulary | None, layout: str
) -> dict[str, Any]:
    """Return every problem of a submission and, of a valid one, counts.

    Args:
        path: The JSON file or the zip.
        against: The documents that it is for.
        vocabulary: The relations that the leaderboard knows; `None` leaves them unchecked.
        layout: Layout of `against`, a key of `CORPORA`.

    Raises:
        AtlopError: There is nothing to check against, or it cannot be read.
    """
    if against is None:
        raise AtlopError(f"{path}: is a submission; give the file that it is for, as in --against test.json")
    documents = read_corpus(against, layout=layout).documents
    relations = None if vocabulary is None else vocabulary.relations
    problems = check_submission(path, documents=documents, relations=relations)
    statistics: dict[str, int] = {}
    if not problems:
        predictions = read_submission(path, documents=documents).predictions
        statistics = {
            "documents": len(documents),
            "documents with facts": sum(map(bool, predictions)),
            "facts": sum(map(len, predictions)),
            "relations": len({fact.relation for facts in predictions for fact in facts}),
        }
    return {"kind": "submission", "path": path, "valid": not problems, "problems": problems, "statistics": statistics}


@contextmanager
def _without_warnings(name: str) -> Iterator[None]:
    log = logging.getLogger(name)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
