"""Read the files that scores need: labelled documents, and the train facts."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from atlop.config import Invalid
from atlop.corpora.corpus import Corpus, read_corpus
from atlop.corpora.relations import RelationCounter, read_train_facts
from atlop.errors import AtlopError
from atlop.schema import Document, NameTriple

logger = logging.getLogger(__name__)


def read_labelled(file: Path, *, format: str | None = None, invalid: Invalid = "strict") -> Corpus:
    """Read a corpus to score against; `format=None` recognises its format.

    Raises:
        AtlopError: It cannot be read, or a document has no labels.
    """
    corpus = read_corpus(file, format=format, invalid=invalid)
    for document in corpus.documents:
        if document.facts is None:
            raise AtlopError(
                f'{file}, document "{document.title}": has no labels to score against; give a labelled file'
            )
    return corpus


class TrainFacts(NamedTuple):
    """What scores need of a train file; both `None` without a file."""

    seen: frozenset[NameTriple] | None = None
    """Facts of the scored corpus that are also in the train file, by name; Ign F1 leaves them out."""
    frequency: dict[str, int] | None = None
    """Number of facts of each relation; `None` for a `.fact` file, which has no counts."""


def read_train(
    file: Path | None, *, corpus: Corpus, format: str | None = None, invalid: Invalid = "strict"
) -> TrainFacts:
    """Read what the scores of a corpus need of a train file, if there is one; the rest is as in `read_labelled`.

    Raises:
        AtlopError: The train file cannot be read.
    """
    if file is None:
        return TrainFacts()
    scored = {triple for document in corpus.documents for triple in document.name_triples()}
    counter = _TrainCounter(corpus)
    seen = read_train_facts(file, format=format, invalid=invalid, among=scored, counter=counter)
    if count := counter.shared_texts:
        logger.warning("%s: %d texts are also in %s, so scores on them say little", corpus.path, count, file)
    return TrainFacts(seen, {use.relation: use.facts for use in counter.result()} or None)


class _TrainCounter(RelationCounter):
    """Counts the relations of train documents, and their texts that are also in the scored corpus."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__()
        self.shared_texts = 0
        self._texts = {document.text_digest() for document in corpus.documents if document.words}

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in super().watch(documents):
            self.shared_texts += document.text_digest() in self._texts
            yield document
