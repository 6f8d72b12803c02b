"""Read the files that scores need: labelled documents, and the train facts."""

from pathlib import Path
from typing import NamedTuple

from atlop.config import Invalid
from atlop.corpora.corpus import Corpus, read_corpus
from atlop.corpora.relations import RelationCounter, read_train_facts
from atlop.errors import AtlopError
from atlop.schema import NameTriple


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


def read_train(file: Path | None, *, corpus: Corpus, format: str | None = None) -> TrainFacts:
    """Read what the scores of a corpus need of a train file, if there is one.

    Raises:
        AtlopError: The train file cannot be read.
    """
    if file is None:
        return TrainFacts()
    scored = {triple for document in corpus.documents for triple in document.name_triples()}
    counter = RelationCounter()
    seen = read_train_facts(file, format=format, among=scored, counter=counter)
    return TrainFacts(seen, {use.relation: use.facts for use in counter.result()} or None)
