"""Rank labels by how much a model that never saw them doubts them, and other facts by how much it asserts them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlop.schema import Document

DIGITS = 3
"""Decimals of margins and doubts in records."""
PRIOR = 3
"""Labels with the mean log share of all that each relation has in addition, so that a rare relation has a mean, too."""


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
    """A fact whose label may be wrong or missing."""

    document: int
    """Index of the document in the corpus."""
    subject: int
    """Index of the subject among the document's entities."""
    object: int
    """Index of the object among the document's entities."""
    relation: str
    margin: float
    """In nats; above 0 the model asserts the fact, otherwise it denies it."""
    labelled: tuple[str, ...]
    """All relations that the pair is labelled with."""
    asserted: tuple[str, ...]
    """All relations that the model asserts of the pair."""
    doubt: float | None = None
    """How far the log share of a labelled relation is below that of other labels of the relation, in nats."""


@dataclass(frozen=True)
class RankedFacts:
    """The facts of a corpus by how much labels and a model disagree."""

    labelled: tuple[Suspect, ...]
    """All labelled facts that have a margin, the largest doubt first."""
    unlabelled: tuple[Suspect, ...]
    """Facts without a label, the highest margin first."""
    asserted: int
    """Facts without a label that the model asserts."""


def rank_facts(judged: Iterable[JudgedDocument], *, relations: Sequence[str], count: int) -> RankedFacts:
    """Rank the facts of labelled documents; others are skipped.

    Facts without a label are ranked by margin. For labels, the log share of the relation among all classes of the pair,
    TH included, counts: `m_r − log(1 + Σ_s exp(m_s))`. Its mean over the labels of the relation is subtracted, since a
    relation that the model hardly knows has low shares throughout (after the class thresholds of confident learning,
    Northcutt, Jiang and Chuang 2021).

    Args:
        judged: The documents of a corpus.
        relations: Relation ids in the order of the columns of margins.
        count: How many facts without a label to return at most.
    """
    labelled: list[Suspect] = []
    unlabelled: list[Suspect] = []
    shares, columns, asserted = [np.zeros(0)], [np.zeros(0, dtype=np.int64)], 0
    for each in judged:
        if each.document.facts is None:
            continue
        if not each.document.directed:
            each = replace(each, pairs=each.pairs[::2], margins=each.margins[::2])
        is_labelled = _labels(each, relations=relations)
        found = np.nonzero(is_labelled)
        shares.append(_log_shares(each.margins)[found])
        columns.append(found[1])
        asserted += int(((each.margins > 0) & ~is_labelled).sum())
        values = np.where(is_labelled, -np.inf, each.margins)
        limit = unlabelled[-1].margin if len(unlabelled) == count else -np.inf
        highest = np.argsort(-values, axis=None, kind="stable")[:count]
        new = np.unravel_index(highest[values.ravel()[highest] > limit], values.shape)
        labelled += _suspects(each, *found, is_labelled=is_labelled, relations=relations)
        others = _suspects(each, *new, is_labelled=is_labelled, relations=relations)
        unlabelled = nlargest(count, [*unlabelled, *others], key=attrgetter("margin"))
    doubts = _doubts(np.concatenate(shares), columns=np.concatenate(columns))
    doubted = (replace(suspect, doubt=doubt) for suspect, doubt in zip(labelled, doubts.tolist(), strict=True))
    return RankedFacts(tuple(sorted(doubted, key=attrgetter("doubt"), reverse=True)), tuple(unlabelled), asserted)


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
        **({} if suspect.doubt is None else {"doubt": round(suspect.doubt, DIGITS)}),
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


def _log_shares(margins: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the log share of each relation among the classes of its pair, whose TH is 0, `[pairs, relations]`."""
    values = margins.astype(np.float64)
    shares: NDArray[np.float64] = values - np.logaddexp.reduce(values, axis=1, keepdims=True, initial=0.0)
    return shares


def _doubts(shares: NDArray[np.float64], *, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far the log share of each label is below the mean of its relation, `[labels]`."""
    if not len(shares):
        return shares
    mean = (np.bincount(columns, shares) + PRIOR * shares.mean()) / (np.bincount(columns) + PRIOR)
    doubts: NDArray[np.float64] = mean[columns] - shares
    return doubts


def _suspects(
    judged: JudgedDocument,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    *,
    is_labelled: NDArray[np.bool_],
    relations: Sequence[str],
) -> list[Suspect]:
    """Return the facts of some pairs and relations."""

    def ids(holds: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(relations[column] for column in np.flatnonzero(holds).tolist())

    subjects, objects = judged.pairs.T.tolist()
    return [
        Suspect(
            document=judged.index,
            subject=subjects[row],
            object=objects[row],
            relation=relations[column],
            margin=float(judged.margins[row, column]),
            labelled=ids(is_labelled[row]),
            asserted=ids(judged.margins[row] > 0),
        )
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
