"""Documents and issues in a form that tests can be read by."""

from pathlib import Path
from typing import Any

from atlop.corpora import CorpusFile, read_corpus
from atlop.schema import CorpusIssues, Document

Described = tuple[list[str], list[str] | None]


def described(document: Document) -> Described:
    """Return its entities, such as `PER: Nella Brun | She`, and its facts, such as `Nella Brun > owns > Siv Line`."""
    entities = [
        f"{entity.type}: {' | '.join(mention.name for mention in entity.mentions)}" for entity in document.entities
    ]
    if document.facts is None:
        return entities, None
    names = [entity.name for entity in document.entities]
    return entities, [f"{names[fact.subject]} > {fact.relation} > {names[fact.object]}" for fact in document.facts]


def read(path: Path, content: Any = None, *, format: str | None = None) -> list[Described]:
    """Write a file, unless there is nothing to write, and describe its documents."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [described(document) for document in read_corpus(path, format=format)]


def issues_of(path: Path, *, format: str | None = None) -> CorpusIssues:
    """Return the issues of a file."""
    file = CorpusFile(path, format=format)
    for _ in file:
        pass
    return file.issues
