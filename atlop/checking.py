"""Problems and statistics of corpora and submissions."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from atlop.corpora import (
    SUBMISSION,
    CorpusFile,
    NoValidDocumentError,
    RelationCounter,
    check_relations,
    corpus_statistics,
    read_corpus,
    read_vocabulary,
    recognise_format,
)
from atlop.errors import AtlopError
from atlop.submission import check_submission, read_submission


@dataclass(frozen=True)
class CheckedFile:
    """A corpus or a submission that was checked."""

    kind: Literal["corpus", "submission"]
    format: str | None
    """Format of a corpus; `None` where it is not recognised."""
    problems: list[str]
    """What is not valid; of invalid documents, and of each kind of problem of a submission, the first ones."""
    problem_count: int
    """Number of all problems."""
    hints: tuple[str, ...]
    """What is valid, but probably not meant."""
    statistics: dict[str, Any] | None
    """`None` of a corpus that cannot be read, empty of a submission that is not valid."""


def check(
    file: str | Path,
    *,
    against: str | Path | None = None,
    relations: str | Path | None = None,
    format: str | None = None,
    tokenizer: str | None = None,
    show_progress: bool = False,
) -> CheckedFile:
    """Find every problem of a corpus or a submission, and count what it holds.

    Of most formats, one document is in memory at a time.

    Args:
        file: Corpus, or submission: a zip, or a JSON list that begins with a row with `h_idx`.
        against: The documents that a submission is for; with it, `file` is a submission.
        relations: `rel2id.json` with the relations that `file` may have; by default any.
        format: Format of the documents; by default it is recognised.
        tokenizer: Hugging Face name or folder: count its tokens, and what cuts would cost.
        show_progress: Whether to draw a progress bar.

    Raises:
        AtlopError: A submission comes without `against`, or another file than `file` cannot be read.
    """
    file, rel2id = Path(file), None if relations is None else Path(relations)
    if against is not None or _is_submission(file):
        return _check_submission(file, against=against, relations=rel2id, format=format)
    return _check_corpus(file, relations=rel2id, format=format, tokenizer=tokenizer, show_progress=show_progress)


def _is_submission(file: Path) -> bool:
    try:
        return recognise_format(file) == SUBMISSION
    except AtlopError:
        return False  # the check of a corpus says what is wrong


def _check_corpus(
    file: Path,
    *,
    relations: Path | None,
    format: str | None,
    tokenizer: str | None,
    show_progress: bool,
) -> CheckedFile:
    from tqdm import tqdm

    vocabulary, tokens = None if relations is None else read_vocabulary(relations), None
    if tokenizer is not None:
        from atlop.preprocessing.lengths import TokenCounter
        from atlop.preprocessing.tokens import load_tokenizer

        tokens = TokenCounter(load_tokenizer(tokenizer))
    try:
        corpus_file = CorpusFile(file, format=format, invalid="skip", relations=relations)
    except AtlopError as error:
        return CheckedFile("corpus", format, [str(error)], problem_count=1, hints=(), statistics=None)
    counter = RelationCounter()
    documents = counter.watch(tqdm(corpus_file, desc="checking", unit=" docs", disable=not show_progress))
    try:
        counted = corpus_statistics(documents if tokens is None else tokens.watch(documents))
    except AtlopError as error:
        issues = corpus_file.issues
        further = [] if isinstance(error, NoValidDocumentError) else [str(error)]
        problems, problem_count = [*further, *issues.skipped], len(further) + issues.skipped_documents
        return CheckedFile("corpus", corpus_file.format, problems, problem_count, hints=(), statistics=None)
    issues = corpus_file.issues
    problems, problem_count = list(issues.skipped), issues.skipped_documents
    if vocabulary is not None:
        try:
            check_relations(file, relations=counter.result(), vocabulary=vocabulary, skipped=bool(issues.skipped))
        except AtlopError as error:
            problems.append(str(error))
            problem_count += 1
    statistics = asdict(counted) | {
        "repeated_documents": issues.duplicate_documents,
        "repeated_facts": issues.duplicate_facts,
        "unmentioned_facts": issues.unmentioned_facts,
        "negative_labels": issues.negative_labels,
        "unclassified_facts": issues.unclassified_facts,
        "misnamed_mentions": issues.misnamed_mentions,
        "cut_mentions": issues.cut_mentions,
        "skipped_relations": issues.skipped_relations,
        "left_out": dict(issues.left_out),
        **({} if tokens is None else asdict(tokens.result())),
    }
    return CheckedFile("corpus", corpus_file.format, problems, problem_count, issues.hints, statistics)


def _check_submission(
    file: Path, *, against: str | Path | None, relations: Path | None, format: str | None
) -> CheckedFile:
    if against is None:
        raise AtlopError(f"{file}: is a submission; give the file that it is for, as in --against test.json")
    known = None if relations is None else read_vocabulary(relations).relations
    documents = read_corpus(Path(against), format=format).documents
    found = check_submission(file, documents=documents, relations=known)
    if found.count:
        return CheckedFile("submission", None, found.listed(), found.count, hints=(), statistics={})
    predictions = read_submission(file, documents=documents).predictions
    statistics = {
        "documents": len(documents),
        "documents with facts": sum(map(bool, predictions)),
        "facts": sum(map(len, predictions)),
        "relations": len({fact.relation for facts in predictions for fact in facts}),
    }
    return CheckedFile("submission", None, [], problem_count=0, hints=(), statistics=statistics)
