"""Documents written in another layout for `atlop convert`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from atlop.config import Invalid
from atlop.corpora import CORPORA, WRITERS, Findings, Loss
from atlop.errors import AtlopError
from atlop.files import refuse_existing
from atlop.schema import Document

T = TypeVar("T")


def convert_file(path: Path, output: Path, *, source: str, target: str, invalid: Invalid) -> dict[str, Any]:
    """Read documents and write each as it comes.

    Args:
        path: The documents.
        output: The file to make; it appears when all are written.
        source: Layout of `path`, a key of `CORPORA`.
        target: Layout of `output`, a key of `WRITERS`.
        invalid: `strict` raises at the first invalid document, `skip` leaves it out and counts it.

    Returns:
        Counts, the message of each skipped document, and what the target's layout cannot hold, counted by kind.

    Raises:
        AtlopError: A layout is unknown, `output` exists, a document is invalid (`strict`), or every one is.
    """
    reader = _known(CORPORA, source, option="--from")
    writer = _known(WRITERS, target, option="--to")
    refuse_existing(output)
    findings = Findings(invalid=invalid)
    documents = 0

    def counted() -> Iterator[Document]:
        nonlocal documents
        for document in reader(path, findings=findings):
            documents += 1
            yield document
        if findings.skipped and not documents:
            raise AtlopError(f"{path}: every document is invalid; the first problem: {findings.skipped[0]}")

    losses = writer(output, documents=counted())
    return {
        "path": path,
        "output": output,
        "from": source,
        "to": target,
        "documents": documents,
        "skipped": findings.skipped,
        "merged_facts": findings.merged,
        "losses": {kind.value: losses[kind] for kind in Loss if losses[kind]},
    }


def _known(layouts: Mapping[str, T], name: str, *, option: str) -> T:
    try:
        return layouts[name]
    except KeyError:
        raise AtlopError(f"{option}: unknown layout {name!r}; known: {', '.join(sorted(layouts))}") from None
