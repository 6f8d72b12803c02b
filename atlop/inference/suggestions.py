"""Documents with the facts that a model finds in them, in a format of annotation tools: suggestions for annotators."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path

from atlop.corpora import ConversionLoss, CorpusFile, find_writer, log_issues
from atlop.files import one_writer, refuse_existing
from atlop.inference.extractor import RelationExtractor
from atlop.inference.facts import ExtractionError
from atlop.schema import Document, Fact

logger = logging.getLogger(__name__)


@dataclass
class Suggestions:
    """What was written."""

    documents: int = 0
    facts: int = 0
    errors: int = 0
    """Documents that the model could not read, which have no facts."""
    losses: dict[str, int] | None = None
    """What the format cannot hold, by kind."""


def suggest_facts(
    extractor: RelationExtractor,
    file: CorpusFile,
    *,
    output: Path,
    format: str,
    progress: Callable[[Iterable[Document]], Iterable[Document]] = iter,
) -> Suggestions:
    """Write the documents of a file with the facts that a model finds, in place of those that the file has.

    Args:
        extractor: The model.
        file: Documents with mentions, in any format.
        output: File, or folder, to make; it appears when all documents are written.
        format: A name of `writable_formats`.
        progress: Wraps the iterator over documents, for example `tqdm`.

    Raises:
        AtlopError: The format is unknown, `output` exists or is being written, or a document is invalid.
    """
    write = find_writer(output, format=format)
    found = Suggestions()
    with one_writer(output):
        refuse_existing(output)
        losses = write(output, documents=_with_facts(extractor, progress(file), found=found))
    log_issues(file.path, documents=found.documents, issues=file.issues)
    found.losses = {kind.value: losses[kind] for kind in ConversionLoss if losses[kind]}
    return found


def _with_facts(
    extractor: RelationExtractor, documents: Iterable[Document], *, found: Suggestions
) -> Iterator[Document]:
    kept, to_read = tee(documents)
    for document, result in zip(kept, extractor.pipe(to_read), strict=True):
        found.documents += 1
        if isinstance(result, ExtractionError):
            found.errors += 1
            logger.warning("%s: no facts (%s)", document.title, result.message)
            yield replace(document, facts=None)
            continue
        facts = [
            Fact(fact.subject.entity, fact.object.entity, fact.relation, tuple(each.sentence for each in fact.evidence))
            for fact in result.facts
        ]
        found.facts += len(facts)
        yield replace(document, facts=tuple(facts))
