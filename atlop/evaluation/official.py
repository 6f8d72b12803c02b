"""The scores of DocRED's leaderboard: F1, Ign F1 and evidence F1."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

from atlop.errors import AtlopError
from atlop.schema import Document, Fact, NameTriple

IGN_EPSILON = 1e-5  # published; part of the measure: a perfect Ign F1 is slightly below 1


@dataclass(frozen=True)
class OfficialScores:
    """Micro-averaged scores between 0 and 1, and the counts that they rest on."""

    f1: float
    precision: float
    recall: float
    ign_f1: float | None
    """F1 without the correct facts that training has seen; `None` where no train facts are given."""
    ign_precision: float | None
    evidence_f1: float
    """0 where no evidence is submitted."""
    evidence_precision: float
    evidence_recall: float
    correct: int
    submitted: int
    """Distinct submitted facts, those under unknown titles included."""
    gold: int
    seen: int | None
    """Correct facts that training has seen."""
    unknown: int
    """Distinct submitted facts under titles that no document has; they count as wrong."""
    evidence_correct: int
    """Sentence ids of correct facts that the gold fact lists as well."""
    evidence_submitted: int
    """Sentence ids of all submitted facts under known titles."""
    evidence_gold: int


def official_scores(
    documents: Sequence[Document],
    *,
    predictions: Sequence[Collection[Fact]],
    train_facts: Set[NameTriple] | None,
    unknown: int = 0,
) -> OfficialScores:
    """Score predicted facts as the official script does (DocRED's `evaluation.py`).

    Args:
        documents: Labelled documents.
        predictions: Facts of each document, in the order of the documents; of facts with the same key the first stays.
        train_facts: Facts of the train set by name, for Ign F1; `None` leaves Ign F1 out.
        unknown: Number of distinct facts submitted under titles that no document has.

    Raises:
        AtlopError: A document has no labels, or there are not as many predictions as documents.
    """
    if len(predictions) != len(documents):
        raise AtlopError(f"predictions for {len(predictions)} documents, but {len(documents)} to score; give one each")
    submitted, correct, gold, seen = unknown, 0, 0, 0
    evidence_submitted, evidence_correct, evidence_gold = 0, 0, 0
    for index, (document, predicted) in enumerate(zip(documents, predictions, strict=True)):
        if document.facts is None:
            raise AtlopError(
                f'document {index} ("{document.title}"): has no labels to score against; give a labelled file'
            )
        gold_evidence = {fact.key: set(fact.evidence) for fact in document.facts}
        gold += len(gold_evidence)
        evidence_gold += sum(map(len, gold_evidence.values()))
        counted: set[tuple[int, int, str]] = set()
        for fact in predicted:
            key = fact.key
            if key in counted:
                continue
            counted.add(key)
            evidence = set(fact.evidence)
            evidence_submitted += len(evidence)
            if key in gold_evidence:
                correct += 1
                evidence_correct += len(evidence & gold_evidence[key])
                seen += train_facts is not None and _is_seen(fact, document=document, train_facts=train_facts)
        submitted += len(counted)

    precision, recall = _ratio(correct, submitted), _ratio(correct, gold)
    evidence_precision, evidence_recall = (
        _ratio(evidence_correct, evidence_submitted),
        _ratio(evidence_correct, evidence_gold),
    )
    ign_precision = None if train_facts is None else (correct - seen) / (submitted - seen + IGN_EPSILON)
    return OfficialScores(
        f1=_f1(precision, recall),
        precision=precision,
        recall=recall,
        ign_f1=None if ign_precision is None else _f1(ign_precision, recall),
        ign_precision=ign_precision,
        evidence_f1=_f1(evidence_precision, evidence_recall),
        evidence_precision=evidence_precision,
        evidence_recall=evidence_recall,
        correct=correct,
        submitted=submitted,
        gold=gold,
        seen=None if train_facts is None else seen,
        unknown=unknown,
        evidence_correct=evidence_correct,
        evidence_submitted=evidence_submitted,
        evidence_gold=evidence_gold,
    )


def _is_seen(fact: Fact, *, document: Document, train_facts: Set[NameTriple]) -> bool:
    subjects = {mention.name for mention in document.entities[fact.subject].mentions}
    objects = {mention.name for mention in document.entities[fact.object].mentions}
    return any((subject, object_, fact.relation) in train_facts for subject in subjects for object_ in objects)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
