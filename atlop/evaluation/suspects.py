"""Suspect labels: facts that a model which never saw them denies, and pairs without a label of which it asserts one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Document

DIGITS = 3
"""Decimals of margins in records."""


@dataclass(frozen=True)
class JudgedDocument:
    """A labelled document, and what a model that never saw it says of its pairs."""

    index: int
    """Index in the corpus."""
    document: Document
    pairs: NDArray[np.int32]
    """Subject and object, `[pairs, 2]`; both orders one after the other if the document is undirected."""
    margins: NDArray[np.float32]
    """Margin of each relation, `[pairs, relations]`."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A fact whose label and margin disagree, or would with another sign of the margin."""

    document: int
    """Index of the document in the corpus."""
    subject: int
    """Index of the subject among the document's entities."""
    object: int
    """Index of the object among the document's entities."""
    relation: str
    margin: float
    """In nats; above 0 the model asserts the fact."""
    labelled: tuple[str, ...]
    """All relations that the pair is labelled with."""
    asserted: tuple[str, ...]
    """All relations that the model asserts of the pair."""


@dataclass(frozen=True)
class RankedSuspects:
    """The facts of a corpus where labels and a model disagree most, and how many there are."""

    denied: tuple[Suspect, ...]
    """Labelled facts, lowest margin first; those that the model denies are the first `denied_count`."""
    asserted: tuple[Suspect, ...]
    """Facts without a label, highest margin first; those that the model asserts are the first `asserted_count`."""
    labels: int
    """Labelled facts that have a margin."""
    denied_count: int
    """Those with a margin of at most 0."""
    asserted_count: int
    """Facts without a label and with a margin above 0."""


def rank_suspects(judged: Iterable[JudgedDocument], *, relations: Sequence[str], count: int) -> RankedSuspects:
    """Rank labelled facts by how low, and all others by how high their margins are; unlabelled documents are skipped.

    Args:
        judged: The documents of a corpus.
        relations: Relation ids in the order of the columns of margins.
        count: How many of each kind to return at most.
    """
    denied, asserted = _Lowest(count, relations=relations), _Lowest(count, relations=relations)
    labels = denied_count = asserted_count = 0
    for each in judged:
        if each.document.facts is None:
            continue
        if not each.document.directed:
            each = replace(each, pairs=each.pairs[::2], margins=each.margins[::2])
        is_labelled, holds = _labels(each, relations=relations), each.margins > 0
        labels += int(is_labelled.sum())
        denied_count += int((is_labelled & ~holds).sum())
        asserted_count += int((holds & ~is_labelled).sum())
        denied.add(each, keys=np.where(is_labelled, each.margins, np.inf), is_labelled=is_labelled)
        asserted.add(each, keys=np.where(is_labelled, np.inf, -each.margins), is_labelled=is_labelled)
    return RankedSuspects(denied.result(), asserted.result(), labels, denied_count, asserted_count)


def suspect_record(suspect: Suspect, *, document: Document, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a suspect as JSON values, with its names and the sentences that mention its subject or its object.

    Args:
        suspect: A suspect.
        document: Its document.
        names: Readable names of relations.
    """
    entities = {"subject": suspect.subject, "object": suspect.object}
    shown = {key: document.entities[index] for key, index in entities.items()}
    sentences = {mention.sentence for entity in shown.values() for mention in entity.mentions}
    return {
        "document": suspect.document,
        "title": document.title,
        **{key: {"entity": entities[key], "name": entity.name, "type": entity.type} for key, entity in shown.items()},
        "relation": suspect.relation,
        "relation_name": names.get(suspect.relation, suspect.relation),
        "margin": round(suspect.margin, DIGITS),
        "labelled": list(suspect.labelled),
        "asserted": list(suspect.asserted),
        "sentences": [{"sentence": index, "text": " ".join(document.sentences[index])} for index in sorted(sentences)],
    }


def _labels(judged: JudgedDocument, *, relations: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether each fact is labelled, `[pairs, relations]`; facts that have no margin are left out."""
    row_of = {pair: row for row, pair in enumerate(map(tuple, judged.pairs.tolist()))}
    if not judged.document.directed:
        row_of |= {(object_, subject): row for (subject, object_), row in row_of.items()}
    column_of = {relation: column for column, relation in enumerate(relations)}
    is_labelled = np.zeros(judged.margins.shape, dtype=np.bool_)
    for fact in judged.document.facts or ():
        row, column = row_of.get((fact.subject, fact.object)), column_of.get(fact.relation)
        if row is not None and column is not None:
            is_labelled[row, column] = True
    return is_labelled


class _Lowest:
    """The facts with the lowest keys of all documents that are added; of equal keys, those that come first."""

    def __init__(self, count: int, *, relations: Sequence[str]):
        self._count, self._relations = count, relations
        self._found: list[tuple[float, Suspect]] = []

    def add(self, judged: JudgedDocument, *, keys: NDArray[np.float32], is_labelled: NDArray[np.bool_]) -> None:
        """Add the facts of a document whose keys, `[pairs, relations]`, are finite."""
        limit = self._found[-1][0] if len(self._found) == self._count else np.inf
        order = np.argsort(keys, axis=None, kind="stable")[: self._count]
        rows, columns = np.unravel_index(order[keys.ravel()[order] < limit], keys.shape)
        new = [
            (float(keys[row, column]), self._suspect(judged, row, column, is_labelled=is_labelled[row]))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        self._found = nsmallest(self._count, [*self._found, *new], key=itemgetter(0))

    def result(self) -> tuple[Suspect, ...]:
        """Return the facts, lowest key first."""
        return tuple(suspect for _, suspect in self._found)

    def _suspect(self, judged: JudgedDocument, row: int, column: int, *, is_labelled: NDArray[np.bool_]) -> Suspect:
        subject, object_ = judged.pairs[row].tolist()
        return Suspect(
            document=judged.index,
            subject=subject,
            object=object_,
            relation=self._relations[column],
            margin=float(judged.margins[row, column]),
            labelled=self._ids(is_labelled),
            asserted=self._ids(judged.margins[row] > 0),
        )

    def _ids(self, holds: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self._relations[column] for column in np.flatnonzero(holds).tolist())
