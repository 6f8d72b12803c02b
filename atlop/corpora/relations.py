"""The relations of a corpus: their counts, and the train facts."""

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from atlop.config import Invalid
from atlop.corpora.corpus import CorpusFile
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.json_values import abbreviated, expect
from atlop.schema import Document, Fact, NameTriple, RelationUse, RelationVocabulary

logger = logging.getLogger(__name__)


class RelationCounter:
    """Counts the relations of documents while they are iterated over."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, str, Fact]] = {}
        self._facts: Counter[str] = Counter()

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield the documents unchanged, and count their relations."""
        for index, document in enumerate(documents):
            for fact in document.facts or ():
                self._first.setdefault(fact.relation, (index, document.title, fact))
                self._facts[fact.relation] += 1
            yield document

    def result(self) -> tuple[RelationUse, ...]:
        """Return the relations of all documents so far, in order of first appearance."""
        return tuple(
            RelationUse(relation, self._facts[relation], index, title, fact.subject, fact.object)
            for relation, (index, title, fact) in self._first.items()
        )


def relation_counts(documents: Iterable[Document]) -> tuple[RelationUse, ...]:
    """Count the relations of documents; in order of first appearance."""
    counter = RelationCounter()
    for _ in counter.watch(documents):
        pass
    return counter.result()


def check_relations(
    path: Path, *, relations: Iterable[RelationUse], vocabulary: RelationVocabulary, skipped: bool
) -> None:
    """Check that the vocabulary has all relations of a corpus, which are in order of first appearance.

    If documents of the file were `skipped`, the message has no index of one, because it would not be that in the file.

    Raises:
        AtlopError: A relation is unknown; the message names its first fact and counts the others.
    """
    unknown = [use for use in relations if use.relation not in vocabulary]
    if unknown:
        first = unknown[0]
        location = f'document "{first.title}"' if skipped else f'document {first.document} ("{first.title}")'
        frequent = sorted(unknown, key=lambda use: -use.facts)[:8]
        listed = ", ".join(f"{use.relation} ({use.facts})" for use in frequent)
        raise AtlopError(
            f"{path}, {location}, fact from entity {first.subject} to {first.object}: relation "
            f'"{first.relation}" is not among the {len(vocabulary.relations)} known ones; unknown, '
            f"with their number of facts: {listed}{', …' if len(unknown) > 8 else ''}; "
            "pass the rel2id.json of this corpus"
        )


def read_train_facts(
    path: Path,
    *,
    format: str | None = None,
    invalid: Invalid = "strict",
    among: Set[NameTriple] | None = None,
    counter: RelationCounter | None = None,
) -> frozenset[NameTriple]:
    """Read the train facts by mention names; Ign F1 leaves them out.

    Args:
        path: A labelled train file, or a `.fact` file: a JSON list of [subject name, object name, relation].
        format: Format of the train file; `None` recognises it.
        invalid: `strict` raises at the first invalid document, `skip` skips it.
        among: Return only facts that are in this set, that of the documents to score.
        counter: Counts the facts of each relation, but not those of a `.fact` file, which is not complete.

    Raises:
        AtlopError: The file is malformed or has no labels.
    """
    if path.suffix == ".fact":
        triples = _read_fact_list(path)
    else:
        file = CorpusFile(path, format=format, invalid=invalid)
        triples = _read_document_facts(file, counter=counter or RelationCounter())
    return frozenset(triples) if among is None else _shared(triples, among=among, path=path)


def _shared(triples: Iterable[NameTriple], *, among: Set[NameTriple], path: Path) -> frozenset[NameTriple]:
    """Return the triples in a set, as official scores compare them: byte for byte."""
    by_form = {_compatible(triple): triple for triple in among}
    shared, similar = set(), set()
    for triple in triples:
        if triple in among:
            shared.add(triple)
        elif (other := by_form.get(_compatible(triple))) is not None:
            similar.add(other)
    if count := len(similar - shared):
        logger.warning(
            "%s: %d facts to score are there only in another Unicode form of their names; Ign F1 counts them, as the "
            "official scorer does",
            path,
            count,
        )
    return frozenset(shared)


def _compatible(triple: NameTriple) -> NameTriple:
    subject, object_, relation = (unicodedata.normalize("NFKC", name) for name in triple)
    return subject, object_, relation


def _read_fact_list(path: Path) -> Iterator[NameTriple]:
    for index, triple in enumerate(expect(read_json(path), list, where=str(path))):
        if not isinstance(triple, list) or len(triple) != 3 or set(map(type, triple)) != {str}:
            raise AtlopError(
                f"{path}, fact {index}: expected [subject name, object name, relation], three strings; "
                f"found {abbreviated(triple)}"
            )
        subject, object_, relation = triple
        yield subject, object_, relation


def _read_document_facts(file: CorpusFile, *, counter: RelationCounter) -> Iterator[NameTriple]:
    is_labelled = False
    for document in counter.watch(file):
        is_labelled = is_labelled or document.facts is not None
        yield from document.name_triples()
    if not is_labelled:
        raise AtlopError(
            f"{file.path}: no document has labels, so there are no train facts; pass a labelled train file"
        )
