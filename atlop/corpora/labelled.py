"""What scores ask of files: labels to hold facts against, and what training has seen of them."""

from pathlib import Path
from typing import NamedTuple

from atlop.config import Invalid
from atlop.corpora.corpus import Corpus, read_corpus
from atlop.corpora.relations import RelationCounter, read_train_facts
from atlop.errors import AtlopError
from atlop.schema import NameTriple


def read_labelled(file: Path, *, format: str | None = None, invalid: Invalid = "strict") -> Corpus:
    """Read a corpus to score against; its format is recognised where it is `None`.

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
    """What scores ask of a train file; both `None` without one."""

    seen: frozenset[NameTriple] | None = None
    """Those of the scored corpus's facts that it has, by name: what Ign F1 leaves out."""
    frequency: dict[str, int] | None = None
    """Number of facts of each relation; `None` of a `.fact` file, which does not tell it."""


def read_train(file: Path | None, *, corpus: Corpus, format: str | None = None) -> TrainFacts:
    """Return what the scores of a corpus ask of a train file, where one is given.

    Raises:
        AtlopError: The train file cannot be read.
    """
    if file is None:
        return TrainFacts()
    among = {triple for document in corpus.documents for triple in document.name_triples()}
    counter = RelationCounter()
    seen = read_train_facts(file, format=format, among=among, counter=counter)
    return TrainFacts(seen, {use.relation: use.facts for use in counter.result()} or None)
