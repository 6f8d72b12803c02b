"""The relations of a corpus: class ids, readable names, and the facts already known from training."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any

from atlop.config import Invalid
from atlop.corpora.corpus import CorpusFile
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.json_values import abbreviated, expect
from atlop.schema import THRESHOLD_CLASS, Document, Fact, NameTriple, RelationUse, RelationVocabulary

logger = logging.getLogger(__name__)

NO_RELATION = "Na"
"""What `rel2id.json` calls class 0."""


def read_vocabulary(
    rel2id: Path | None, *, names: Path | None = None, relations: Iterable[str] = ()
) -> RelationVocabulary:
    """Read the relations that a model is to know.

    Args:
        rel2id: JSON object from relation to class id: 1 to n, and `Na` = 0 where the file has it. Without it,
            `relations` in alphabetical order.
        names: JSON object from relation to readable name (DocRED's `rel_info.json`).
        relations: Relation ids of the train documents, taken where there is no `rel2id`.

    Raises:
        AtlopError: A file is malformed, or there is neither `rel2id` nor a relation.
    """
    readable = _strings(names) if names is not None else {}
    known = _by_class_id(rel2id) if rel2id is not None else _by_name(relations)
    return RelationVocabulary(known, {key: readable[key] for key in known if key in readable})


class RelationCounter:
    """Counts the relations that documents state while they pass."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, str, Fact]] = {}
        self._facts: Counter[str] = Counter()

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield the documents on, counted."""
        for index, document in enumerate(documents):
            for fact in document.facts or ():
                self._first.setdefault(fact.relation, (index, document.title, fact))
                self._facts[fact.relation] += 1
            yield document

    def result(self) -> tuple[RelationUse, ...]:
        """Return the relations of all documents that passed, in order of first appearance."""
        return tuple(
            RelationUse(relation, self._facts[relation], index, title, fact.subject, fact.object)
            for relation, (index, title, fact) in self._first.items()
        )


def relation_counts(documents: Iterable[Document]) -> tuple[RelationUse, ...]:
    """Return the relations that documents state, in order of first appearance."""
    counter = RelationCounter()
    for _ in counter.watch(documents):
        pass
    return counter.result()


def check_relations(
    path: Path, *, relations: Iterable[RelationUse], vocabulary: RelationVocabulary, skipped: bool
) -> None:
    """Make sure that the vocabulary has the relation of every fact of a corpus.

    Args:
        path: The corpus file, for the message.
        relations: Its relations, in order of first appearance.
        vocabulary: The known ones.
        skipped: Whether documents were left out, so that the index of a document is not the file's.

    Raises:
        AtlopError: A relation is not known; the message names the first such fact and counts the others.
    """
    lacking = [use for use in relations if use.relation not in vocabulary]
    if lacking:
        first = lacking[0]
        place = f'document "{first.title}"' if skipped else f'document {first.document} ("{first.title}")'
        frequent = sorted(lacking, key=lambda use: -use.facts)[:8]
        listed = ", ".join(f"{use.relation} ({use.facts})" for use in frequent)
        raise AtlopError(
            f'{path}, {place}, fact from entity {first.subject} to {first.object}: relation "{first.relation}" is not '
            f"among the {len(vocabulary.relations)} known ones; lacking with their number of facts: "
            f"{listed}{', …' if len(lacking) > 8 else ''}; give the rel2id.json that belongs to this corpus"
        )


def read_train_facts(
    path: Path,
    *,
    format: str | None = None,
    invalid: Invalid = "strict",
    among: Set[NameTriple] | None = None,
    counter: RelationCounter | None = None,
) -> frozenset[NameTriple]:
    """Read the facts that training has seen, by the names of their mentions: what Ign F1 leaves out.

    Args:
        path: A labelled train file, or a `.fact` file: a JSON list of [subject name, object name, relation].
        format: Format of the train file; `None` recognises it.
        invalid: Whether an invalid document of it stops the reading or is left out.
        among: Facts that matter, where not all do: those of the documents to score.
        counter: Counts the facts of each relation of a train file besides; a `.fact` file does not tell them.

    Raises:
        AtlopError: The file is malformed or has no labels.
    """
    if path.suffix == ".fact":
        triples = _listed_facts(path)
    else:
        triples = _stated_facts(CorpusFile(path, format=format, invalid=invalid), counter=counter or RelationCounter())
    return frozenset(triples if among is None else (triple for triple in triples if triple in among))


def _listed_facts(path: Path) -> Iterator[NameTriple]:
    for index, row in enumerate(expect(read_json(path), list, where=str(path))):
        yield _triple(row, where=f"{path}, fact {index}")


def _stated_facts(file: CorpusFile, *, counter: RelationCounter) -> Iterator[NameTriple]:
    is_labelled = False
    for document in counter.watch(file):
        is_labelled = is_labelled or document.facts is not None
        yield from document.name_triples()
    if not is_labelled:
        raise AtlopError(
            f"{file.path}: no document has labels, so there are no train facts; give a labelled train file"
        )


def _by_class_id(path: Path) -> tuple[str, ...]:
    rows: dict[str, Any] = expect(read_json(path), dict, where=str(path))
    by_id: dict[int, str] = {}
    for relation, value in rows.items():
        class_id = expect(value, int, where=f'{path}, "{relation}"')
        if (class_id == THRESHOLD_CLASS) != (relation == NO_RELATION):
            raise AtlopError(
                f'{path}, "{relation}": has id {class_id}; id {THRESHOLD_CLASS} is for "{NO_RELATION}", no relation, '
                "and for it alone: the others count from 1"
            )
        if class_id in by_id:
            raise AtlopError(f'{path}, "{relation}": has id {class_id}, and so has "{by_id[class_id]}"')
        by_id[class_id] = relation
    by_id.pop(THRESHOLD_CLASS, None)
    count = len(by_id)
    if not count:
        raise AtlopError(f'{path}: names no relation; expected an object such as {{"{NO_RELATION}": 0, "P17": 1}}')
    for class_id, relation in by_id.items():
        if not 1 <= class_id <= count:
            missing = next(number for number in range(1, count + 1) if number not in by_id)
            raise AtlopError(
                f'{path}, "{relation}": has id {class_id}, but id {missing} is missing; expected 1 to {count}, '
                "without gaps"
            )
    return tuple(by_id[class_id] for class_id in range(1, count + 1))


def _by_name(relations: Iterable[str]) -> tuple[str, ...]:
    known = tuple(sorted(set(relations)))
    if not known:
        raise AtlopError("the train documents have no facts to take the relations from; give a rel2id.json")
    logger.info("no rel2id.json: class ids 1 to %d follow the train labels in alphabetical order", len(known))
    return known


def _strings(path: Path) -> dict[str, str]:
    rows: dict[str, Any] = expect(read_json(path), dict, where=str(path))
    return {key: expect(value, str, where=f'{path}, "{key}"') for key, value in rows.items()}


def _triple(row: object, *, where: str) -> NameTriple:
    if isinstance(row, list) and len(row) == 3 and set(map(type, row)) == {str}:
        subject, object_, relation = row
        return subject, object_, relation
    raise AtlopError(
        f"{where}: expected [subject name, object name, relation], three strings; found {abbreviated(row)}"
    )
