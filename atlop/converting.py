"""Documents from one format to another."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from atlop.config import Invalid
from atlop.corpora import ConversionLoss, CorpusFile, Writer, find_writer, log_issues
from atlop.corpora.grouped_entities import with_entities_by_name
from atlop.files import one_writer, refuse_existing
from atlop.schema import CorpusIssues, Document

Entities: TypeAlias = Literal["annotated", "grouped"]


@dataclass(frozen=True)
class Conversion:
    """What a conversion read and wrote."""

    source_format: str
    documents: int
    """Number of documents written."""
    issues: CorpusIssues
    """Issues of the file that was read."""
    losses: dict[str, int]
    """What the new format cannot hold, counted by kind."""


def convert(
    file: str | Path,
    output: str | Path,
    *,
    to: str,
    format: str | None = None,
    invalid: Invalid = "strict",
    entities: Entities = "annotated",
) -> Conversion:
    """Write the documents of a file in another format; of most formats, one document is in memory at a time.

    Args:
        file: The documents.
        output: The file to make; it appears when all documents are written.
        to: Format of `output`, a name of `writable_formats`.
        format: Format of `file`, a key of `FORMATS`; by default it is recognised.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out and counts it.
        entities: `annotated` are those of the file; `grouped` joins them by the names of their mentions too.

    Raises:
        AtlopError: A format is unknown, `output` exists or is being written, a document is invalid (`strict`), or every
            one is.
    """
    file, output = Path(file), Path(output)
    write = find_writer(output, format=to)
    with one_writer(output):
        refuse_existing(output)
        return _convert(file, output, write=write, format=format, invalid=invalid, entities=entities)


def _convert(
    file: Path, output: Path, *, write: Writer, format: str | None, invalid: Invalid, entities: Entities
) -> Conversion:
    corpus_file = CorpusFile(file, format=format, invalid=invalid)
    documents = 0

    def counted() -> Iterator[Document]:
        nonlocal documents
        for document in corpus_file:
            documents += 1
            yield document if entities == "annotated" else with_entities_by_name(document)

    losses = write(output, documents=counted())
    log_issues(file, documents=documents, issues=corpus_file.issues)
    kinds = {kind.value: losses[kind] for kind in ConversionLoss if losses[kind]}
    return Conversion(corpus_file.format, documents, corpus_file.issues, kinds)
