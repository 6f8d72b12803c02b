"""Documents written in another format for `atlop convert`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlop.config import Invalid
from atlop.corpora import CorpusFile, Loss, find_writer, log_issues
from atlop.files import refuse_existing
from atlop.schema import Document


def convert_file(path: Path, output: Path, *, source: str | None, target: str, invalid: Invalid) -> dict[str, Any]:
    """Read documents and write each as it comes.

    Args:
        path: The documents.
        output: The file to make; it appears when all are written.
        source: Format of `path`, a key of `CORPORA`; `None` recognises it.
        target: Format of `output`, a key of `WRITERS`.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out and counts it.

    Returns:
        Counts, the message of each skipped document, and what the target's format cannot hold, counted by kind.

    Raises:
        AtlopError: A format is unknown, `output` exists, a document is invalid (`strict`), or every one is.
    """
    write = find_writer(output, format=target)
    refuse_existing(output)
    file = CorpusFile(path, format=source, invalid=invalid)
    documents = 0

    def counted() -> Iterator[Document]:
        nonlocal documents
        for document in file:
            documents += 1
            yield document

    losses = write(output, documents=counted())
    log_issues(path, documents=documents, issues=file.issues)
    return {
        "path": path,
        "output": output,
        "from": file.format,
        "to": target,
        "documents": documents,
        "skipped": file.issues.skipped,
        **file.issues.counts(),
        "losses": {kind.value: losses[kind] for kind in Loss if losses[kind]},
    }
