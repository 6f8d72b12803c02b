"""The relations of a corpus: class ids, readable names, and the facts already known from training."""

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atlop.corpora.corpus import Corpus, read_corpus
from atlop.errors import AtlopError
from atlop.files import read_json
from atlop.json_values import expect, shown
from atlop.schema import THRESHOLD_CLASS, Document, NameTriple, RelationVocabulary

logger = logging.getLogger(__name__)

NO_RELATION = "Na"
"""What `rel2id.json` calls class 0."""


def read_vocabulary(
    rel2id: Path | None, *, names: Path | None = None, train: Iterable[Document] = ()
) -> RelationVocabulary:
    """Read the relations that a model is to know.

    Args:
        rel2id: JSON object from relation to class id: 1 to n, and `Na` = 0 where the file has it. Without it, the
            relations of `train` in alphabetical order.
        names: JSON object from relation to readable name (DocRED's `rel_info.json`).
        train: Documents whose relations are taken where there is no `rel2id`.

    Raises:
        AtlopError: A file is malformed, or there is neither `rel2id` nor a labelled document.
    """
    readable = _strings(names) if names is not None else {}
    relations = _by_class_id(rel2id) if rel2id is not None else _by_name(train)
    return RelationVocabulary(relations, {key: readable[key] for key in relations if key in readable})


def check_relations(corpus: Corpus, *, vocabulary: RelationVocabulary) -> None:
    """Make sure that the vocabulary has the relation of every fact.

    Raises:
        AtlopError: It lacks one; the message names the first such fact and counts the others.
    """
    lacking: Counter[str] = Counter()
    first = ""
    for index, document in enumerate(corpus.documents):
        for fact in document.facts or ():
            if fact.relation not in vocabulary:
                # Where documents were skipped, the index is not the file's.
                place = f'document "{document.title}"' if corpus.skipped else f'document {index} ("{document.title}")'
                first = (
                    first or f'{place}, fact from entity {fact.subject} to {fact.object}: relation "{fact.relation}"'
                )
                lacking[fact.relation] += 1
    if lacking:
        listed = ", ".join(f"{relation} ({count})" for relation, count in lacking.most_common(8))
        raise AtlopError(
            f"{corpus.path}, {first} is not among the {len(vocabulary.relations)} known ones; lacking with their "
            f"number of facts: {listed}{', …' if len(lacking) > 8 else ''}; give the rel2id.json that belongs to "
            "this corpus"
        )


def read_train_facts(path: Path, *, layout: str = "docred") -> frozenset[NameTriple]:
    """Read the facts that training has seen, by the names of their mentions: what Ign F1 leaves out.

    Args:
        path: A labelled train file, or a `.fact` file: a JSON list of [subject name, object name, relation].
        layout: Layout of the train file.

    Raises:
        AtlopError: The file is malformed or has no labels.
    """
    if path.suffix == ".fact":
        rows = expect(read_json(path), list, where=str(path))
        return frozenset(_triple(row, where=f"{path}, fact {index}") for index, row in enumerate(rows))
    documents = read_corpus(path, layout=layout).documents
    if all(document.facts is None for document in documents):
        raise AtlopError(f"{path}: no document has labels, so there are no train facts; give a labelled train file")
    return frozenset(triple for document in documents for triple in document.name_triples())


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


def _by_name(documents: Iterable[Document]) -> tuple[str, ...]:
    relations = tuple(sorted({fact.relation for document in documents for fact in document.facts or ()}))
    if not relations:
        raise AtlopError("the train documents have no facts to take the relations from; give a rel2id.json")
    logger.info("no rel2id.json: class ids 1 to %d follow the train labels in alphabetical order", len(relations))
    return relations


def _strings(path: Path) -> dict[str, str]:
    rows: dict[str, Any] = expect(read_json(path), dict, where=str(path))
    return {key: expect(value, str, where=f'{path}, "{key}"') for key, value in rows.items()}


def _triple(row: object, *, where: str) -> NameTriple:
    if isinstance(row, list) and len(row) == 3 and set(map(type, row)) == {str}:
        subject, object_, relation = row
        return subject, object_, relation
    raise AtlopError(f"{where}: expected [subject name, object name, relation], three strings; found {shown(row)}")
