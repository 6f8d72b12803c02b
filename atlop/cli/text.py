"""Results as people read them: aligned text."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from atlop.checking import CheckedFile
from atlop.corpora import Corpus
from atlop.secrets import without_secrets

Row: TypeAlias = tuple[str, str] | tuple[str, str, str]
"""Label, value and, where something needs saying, a note."""

GAP: Row = ("", "")
"""A blank line."""

MOST_LISTED = 20
"""Lines of a long list that are printed; `--json` has all of them."""


_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text without secrets, in which nothing orders a terminal about or turns the reading direction.

    Files name things so. Such characters, and halves of surrogate pairs, which UTF-8 cannot say, become escapes.
    """
    return _ORDERS.sub(lambda found: found.group().encode("unicode_escape").decode(), without_secrets(text))


def table(rows: Sequence[Row]) -> str:
    """Return one line a row: labels to the left and values to the right of their columns."""
    label_width = max(len(row[0]) for row in rows)
    value_width = max(len(row[1]) for row in rows)
    return "\n".join(f"{row[0]:<{label_width}}  {row[1]:>{value_width}}  {''.join(row[2:])}".rstrip() for row in rows)


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of many columns: the first to the left, the others to the right; a short row ends early."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines if column < len(line)) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=False))
        ).rstrip()
        for line in lines
    )


def listed(lines: Sequence[str]) -> list[str]:
    """Return the first lines of a list, and how many more there are."""
    more = len(lines) - MOST_LISTED
    return [*lines[:MOST_LISTED], *([f"… and {more} more; --json lists all"] if more > 0 else [])]


def percent(share: float | None) -> str:
    """Return a share between 0 and 1 in percent, `n/a` where there is none."""
    return "n/a" if share is None else f"{100 * share:.2f}"


def score_rows(scores: Mapping[str, Any]) -> list[Row]:
    """Return the rows of `asdict(OfficialScores)`, shares in percent."""
    has_evidence = bool(scores["evidence_submitted"])
    rows: list[Row] = [
        ("F1", percent(scores["f1"])),
        ("Ign F1", percent(scores["ign_f1"]), "" if scores["ign_f1"] is not None else "needs --train"),
        ("precision", percent(scores["precision"])),
        ("recall", percent(scores["recall"])),
        (
            "evidence F1",
            percent(scores["evidence_f1"] if has_evidence else None),
            "" if has_evidence else "no evidence given",
        ),
        GAP,
        ("correct facts", f"{scores['correct']:,}"),
        ("predicted facts", f"{scores['submitted']:,}"),
        ("gold facts", f"{scores['gold']:,}"),
    ]
    if scores["seen"] is not None:
        rows.append(("correct, seen in training", f"{scores['seen']:,}"))
    return rows


def truncation_rows(truncation: Mapping[str, int]) -> list[Row]:
    """Return the rows of `asdict(Truncation)`."""
    cut = f"in {truncation['documents']:,} documents" if truncation["documents"] else ""
    return [
        GAP,
        ("mentions beyond the cut", f"{truncation['mentions']:,}", cut),
        ("entities beyond the cut", f"{truncation['entities']:,}"),
        ("facts beyond the cut", f"{truncation['facts']:,}"),
    ]


def count_rows(counts: Mapping[str, int]) -> list[Row]:
    """Return a row for each count."""
    return [(key.replace("_", " "), f"{count:,}") for key, count in counts.items()]


def corpus_heading(corpus: Corpus) -> str:
    """Return the first line of a result: the file, and how many documents it has."""
    skipped = f", {len(corpus.issues.skipped):,} skipped" if corpus.issues.skipped else ""
    return f"{corpus.path}: {len(corpus.documents):,} documents{skipped}"


def corpus_rows(checked: CheckedFile) -> list[Row]:
    """Return the rows of a corpus that was checked; none where it could not be read."""
    if not checked.statistics:
        return []
    problems = f"{len(checked.problems):,}"
    return [("format", checked.format or ""), ("problems", problems), *statistics_rows(checked.statistics)]


def statistics_rows(statistics: Mapping[str, Any]) -> list[Row]:
    """Return the rows of `asdict(CorpusStatistics)`; of the relations the most frequent.

    `asdict(TokenStatistics)` may be among them.
    """
    rows: list[Row] = []
    for key, value in statistics.items():
        label = key.replace("_", " ")
        if key == "relations":
            rows.append((label, "n/a" if value is None else f"{len(value):,}"))
        elif key == "repeated_titles":
            rows.append((label, f"{len(value):,}", "a submission would be refused" if value else ""))
        elif key == "lost":
            for length, lost in value.items():
                rows += [(f"{what} lost at {length:,} tokens", f"{lost[what]:,}") for what in ("mentions", "facts")]
        elif value is None:
            rows.append((label, "n/a"))
        elif key.endswith("_share"):
            rows.append((label.removesuffix(" share"), percent(value), "% of facts"))
        elif isinstance(value, float):
            rows.append((label, f"{value:,.1f}"))
        else:
            rows.append((label, f"{value:,}"))
    relations: Mapping[str, int] = statistics["relations"] or {}
    shown = list(relations.items())[:MOST_LISTED]
    rows += [(f"  {relation}", f"{count:,}") for relation, count in shown]
    if len(relations) > len(shown):
        rows.append(("  …", f"{len(relations) - len(shown):,}", "more relations; --json lists all"))
    return rows
