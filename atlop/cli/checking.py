"""Files looked at for `atlop check`: what they are, what is wrong with them, what they hold."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from atlop.cli.predicting import layout_for
from atlop.cli.session import quiet_libraries
from atlop.corpora import SUBMISSION, check_relations, layout_of, read_corpus, relations_of, statistics_of
from atlop.errors import AtlopError
from atlop.schema import RelationVocabulary
from atlop.submission import check_submission, read_submission

if TYPE_CHECKING:
    from atlop.encoding.lengths import PieceCounter


def is_submission(path: Path) -> bool:
    """Return whether a file is a submission: a zip, or a JSON list that begins with a row with `h_idx`."""
    try:
        return layout_of(path) == SUBMISSION
    except AtlopError:
        return False  # the check of a corpus says what is wrong


def piece_counter(name: str) -> "PieceCounter":
    """Return what counts pieces as a tokenizer cuts them.

    Args:
        name: Hugging Face name or folder of the tokenizer.

    Raises:
        AtlopError: It cannot be loaded, or has no piece for the mention marker.
    """
    with quiet_libraries(needs=name, what="tokenizer"):
        from transformers import AutoTokenizer

        from atlop.encoding.lengths import PieceCounter

        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise AtlopError(f"tokenizer {name!r} cannot be loaded: {reason}") from None
        return PieceCounter(tokenizer)


def check_corpus_file(
    path: Path,
    *,
    vocabulary: RelationVocabulary | None,
    layout: str | None,
    pieces: "PieceCounter | None" = None,
) -> dict[str, Any]:
    """Return every problem and the statistics of a corpus file.

    Args:
        path: The file.
        vocabulary: The relations that it may have; `None` allows any.
        layout: A key of `CORPORA`; `None` recognises it.
        pieces: What counts pieces and the cost of cuts besides.
    """
    result: dict[str, Any] = {"kind": "corpus", "path": path, "layout": layout, "valid": False}
    result |= {"problems": [], "statistics": None}
    try:
        result["layout"] = layout_for(path, layout=layout)
        with _without_warnings("atlop.corpora"):  # they become the result
            corpus = read_corpus(path, layout=result["layout"], invalid="skip")
    except AtlopError as error:
        return result | {"problems": [str(error)]}
    documents = tqdm(corpus.documents, desc="checking", unit="document", disable=None)  # seen where someone watches
    counted = statistics_of(documents if pieces is None else pieces.watch(documents))
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
    statistics = asdict(counted) | {"repeated_facts": corpus.merged}
    if pieces is not None:
        statistics |= asdict(pieces.result())
    return result | {"valid": not problems, "problems": problems, "statistics": statistics}


def check_submission_file(
    path: Path, *, against: Path | None, vocabulary: RelationVocabulary | None, layout: str | None
) -> dict[str, Any]:
    """Return every problem of a submission and, of a valid one, counts.

    Args:
        path: The JSON file or the zip.
        against: The documents that it is for.
        vocabulary: The relations that the leaderboard knows; `None` leaves them unchecked.
        layout: Layout of `against`, a key of `CORPORA`; `None` recognises it.

    Raises:
        AtlopError: There is nothing to check against, or it cannot be read.
    """
    if against is None:
        raise AtlopError(f"{path}: is a submission; give the file that it is for, as in --against test.json")
    documents = read_corpus(against, layout=layout_for(against, layout=layout)).documents
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
