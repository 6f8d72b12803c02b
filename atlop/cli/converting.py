"""Documents written in another layout for `atlop convert`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlop.config import Invalid
from atlop.corpora import CorpusFile, Loss, find_writer, log_oddities
from atlop.files import refuse_existing
from atlop.schema import Document


def convert_file(path: Path, output: Path, *, source: str | None, target: str, invalid: Invalid) -> dict[str, Any]:
    """Read documents and write each as it comes.

    Args:
        path: The documents.
        output: The file to make; it appears when all are written.
        source: Layout of `path`, a key of `CORPORA`; `None` recognises it.
        target: Layout of `output`, a key of `WRITERS`.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out and counts it.

    Returns:
        Counts, the message of each skipped document, and what the target's layout cannot hold, counted by kind.

    Raises:
        AtlopError: A layout is unknown, `output` exists, a document is invalid (`strict`), or every one is.
    """
    write = find_writer(output, layout=target)
    refuse_existing(output)
    file = CorpusFile(path, layout=source, invalid=invalid)
    documents = 0

    def counted() -> Iterator[Document]:
        nonlocal documents
        for document in file:
            documents += 1
            yield document

    losses = write(output, documents=counted())
    log_oddities(path, documents=documents, oddities=file.oddities)
    return {
        "path": path,
        "output": output,
        "from": file.layout,
        "to": target,
        "documents": documents,
        "skipped": file.oddities.skipped,
        **file.oddities.counts(),
        "losses": {kind.value: losses[kind] for kind in Loss if losses[kind]},
    }
