"""Facts as a table of HTML, which notebooks show in the place of a `repr`."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlop.inference.facts import ExtractedFact, Participant


def facts_as_html(facts: Sequence["ExtractedFact"], *, title: str = "", unread_mentions: int = 0) -> str:
    """Return a table with a row for each fact.

    Args:
        facts: The facts of a document.
        title: The document's title.
        unread_mentions: Mentions that the model did not read, told below the table.
    """
    calibrated = any(fact.probability is not None for fact in facts)
    header = ["subject", "relation", "object", "margin", *(["probability"] if calibrated else []), "evidence"]
    rows = [
        [
            _entity(fact.subject),
            f'<span title="{escape(fact.relation)}">{escape(fact.relation_name)}</span>',
            _entity(fact.object),
            f"{fact.margin:.2f}",
            *(["" if fact.probability is None else f"{fact.probability:.2f}"] if calibrated else []),
            escape(evidence(fact)),
        ]
        for fact in facts
    ]
    count = f"{len(facts):,} fact{'' if len(facts) == 1 else 's'}"
    caption = f"{escape(title)}: {count}" if title else count
    unread = f"<p>{unread_mentions:,} mentions are beyond the model's maximum length.</p>" if unread_mentions else ""
    lines = [_row("th", header), *(_row("td", row) for row in rows)] if facts else []
    return f"<table><caption>{caption}</caption>{''.join(lines)}</table>{unread}"


def evidence(fact: "ExtractedFact") -> str:
    """Return the numbers of the sentences that support a fact, with their shares."""
    return ", ".join(f"{each.sentence} ({each.share:.0%})" for each in fact.evidence)


def _entity(entity: "Participant") -> str:
    return escape(entity.name) + (f" <small>{escape(entity.type)}</small>" if entity.type else "")


def _row(cell: str, values: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{value}</{cell}>' for value in values)}</tr>"
