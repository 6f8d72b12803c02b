"""Outcome of each fact: right, missed, or wrong in one of three ways."""

from collections.abc import Collection
from typing import Literal, TypeAlias

from atlop.schema import Document, Fact

Outcome: TypeAlias = Literal["right", "missed", "reversed", "confused", "unrelated"]
"""`right`: gold and predicted; `missed`: gold only. The others are predicted only: `reversed` if the relation holds
from object to subject, `confused` if another relation holds, `unrelated` if none holds from subject to object."""
FactKey: TypeAlias = tuple[int, int, str]
"""Subject, object and relation id."""


def outcomes(document: Document, *, found: Collection[Fact]) -> dict[FactKey, Outcome]:
    """Return the outcome of each gold or predicted fact: gold ones first, in the order of the file.

    Args:
        document: A labelled document.
        found: Predicted facts.
    """
    gold = {fact.key for fact in document.facts or ()}
    related = {(subject, object_) for subject, object_, _ in gold}
    keys = {fact.key for fact in found}

    def outcome(key: FactKey) -> Outcome:
        subject, object_, relation = key
        if key in gold:
            return "right" if key in keys else "missed"
        if (object_, subject, relation) in gold:
            return "reversed"
        return "confused" if (subject, object_) in related else "unrelated"

    return {fact.key: outcome(fact.key) for fact in (*(document.facts or ()), *found)}
