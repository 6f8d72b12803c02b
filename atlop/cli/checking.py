"""Files looked at for `atlop check`: what they are, what is wrong with them, what they hold."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from atlop.cli.session import quiet_libraries
from atlop.corpora import (
    SUBMISSION,
    CorpusFile,
    RelationCounter,
    check_relations,
    corpus_statistics,
    format_of,
    read_corpus,
)
from atlop.errors import AtlopError
from atlop.schema import RelationVocabulary
from atlop.submission import check_submission, read_submission

if TYPE_CHECKING:
    from atlop.preprocessing.lengths import TokenCounter


def is_submission(path: Path) -> bool:
    """Return whether a file is a submission: a zip, or a JSON list that begins with a row with `h_idx`."""
    try:
        return format_of(path) == SUBMISSION
    except AtlopError:
        return False  # the check of a corpus says what is wrong


def token_counter(name: str) -> "TokenCounter":
    """Return what counts tokens as a tokenizer cuts them.

    Args:
        name: Hugging Face name or folder of the tokenizer.

    Raises:
        AtlopError: It cannot be loaded, or has no token for the mention marker.
    """
    with quiet_libraries(needs=name, what="tokenizer"):
        from atlop.preprocessing.lengths import TokenCounter
        from atlop.preprocessing.tokens import load_tokenizer

        return TokenCounter(load_tokenizer(name))


def check_corpus_file(
    path: Path,
    *,
    vocabulary: RelationVocabulary | None,
    format: str | None,
    tokens: "TokenCounter | None" = None,
) -> dict[str, Any]:
    """Return every problem and the statistics of a corpus file, of which one document is in memory at a time.

    Args:
        path: The file.
        vocabulary: The relations that it may have; `None` allows any.
        format: A key of `CORPORA`; `None` recognises it.
        tokens: What counts tokens and the cost of cuts besides.
    """
    result: dict[str, Any] = {"kind": "corpus", "path": path, "format": format, "valid": False}
    result |= {"problems": [], "statistics": None}
    try:
        file = CorpusFile(path, format=format, invalid="skip")
        result["format"] = file.format
        relations = RelationCounter()
        documents = relations.watch(tqdm(file, desc="checking", unit="document", disable=None))
        counted = corpus_statistics(documents if tokens is None else tokens.watch(documents))
    except AtlopError as error:
        return result | {"problems": [str(error)]}
    issues = file.issues
    problems = list(issues.skipped)
    if vocabulary is not None:
        try:
            check_relations(
                path,
                relations=relations.result(),
                vocabulary=vocabulary,
                skipped=bool(issues.skipped),
            )
        except AtlopError as error:
            problems.append(str(error))
    statistics = asdict(counted) | {
        "repeated_documents": issues.repeated,
        "repeated_facts": issues.merged,
        "unmentioned_facts": issues.unmentioned,
        "unclassified_facts": issues.unclassified,
    }
    if tokens is not None:
        statistics |= asdict(tokens.result())
    return result | {"valid": not problems, "problems": problems, "statistics": statistics}


def check_submission_file(
    path: Path, *, against: Path | None, vocabulary: RelationVocabulary | None, format: str | None
) -> dict[str, Any]:
    """Return every problem of a submission and, of a valid one, counts.

    Args:
        path: The JSON file or the zip.
        against: The documents that it is for.
        vocabulary: The relations that the leaderboard knows; `None` leaves them unchecked.
        format: Format of `against`, a key of `CORPORA`; `None` recognises it.

    Raises:
        AtlopError: There is nothing to check against, or it cannot be read.
    """
    if against is None:
        raise AtlopError(f"{path}: is a submission; give the file that it is for, as in --against test.json")
    documents = read_corpus(against, format=format).documents
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
