"""Format results as aligned text."""

import io
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence, Set
from typing import Any, TypeAlias

from atlop.corpora import Corpus
from atlop.secrets import without_secrets

Row: TypeAlias = tuple[str, str] | tuple[str, str, str]
"""Label, value and an optional note."""

GAP: Row = ("", "")
"""A blank line."""

MAX_LISTED = 20
"""Maximum number of lines printed of a list; `--json` has all."""

NOTHING = "–"
"""In place of a score where nothing was to score, or of a count that is not known."""
NO_GOLD = "the file has no gold fact"
"""Why there are no scores."""
_NOTES = {
    "repeated_documents": "have the text of an earlier one",
    "negative_labels": "say that no relation holds, and are left out",
    "misnamed_mentions": "have a name that is not what stands there",
    "cut_mentions": "begin or end inside a word",
    "skipped_relations": "do not have two ends, and are left out",
}
"""What statistics count, where their name does not say it."""

_ONE_LINE = str.maketrans("\t\n", "  ")
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text with secrets removed and control characters escaped.

    Files can contain characters that control a terminal or change the text direction, and lone surrogates, which
    UTF-8 cannot encode.
    """
    return _CONTROL_CHARACTERS.sub(lambda match: match.group().encode("unicode_escape").decode(), without_secrets(text))


def terminal_width() -> int:
    """Return the width of standard output: `COLUMNS` if set, 80 if it is not a terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def table(rows: Sequence[Row]) -> str:
    """Return one line per row, no wider than the terminal; notes that do not fit follow the table."""
    from rich.cells import cell_len

    cells = _cells(rows, columns=3)
    labels, values, _ = _widths(cells)
    width = terminal_width()
    space = width - labels - values - 4
    below = {note for *_, note in cells if note and cell_len(note) > space}
    lines = _aligned([[label, value, "" if note in below else note] for label, value, note in cells], left={0, 2})
    notes = [f"{label.strip()}: {note}" for label, _, note in cells if note in below]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def grid(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, drop: Sequence[str], whole_labels: bool = False
) -> str:
    """Return one line per row, no wider than the terminal, without empty columns.

    Args:
        header: Name of each column.
        rows: Cells; the first column, of labels, is aligned left, the others right. A row may end early.
        drop: Names of columns to drop until all rows fit, least important first; one column for each name.
        whole_labels: Whether labels may take the whole width; otherwise they are cut to a third of it.
    """
    cells = _cells([header, *rows], columns=len(header))
    widths, width = _widths(cells), terminal_width()
    widths[0] = min(widths[0], width if whole_labels else width // 3)
    kept = [column for column in range(len(header)) if column == 0 or any(row[column] for row in cells[1:])]
    dropped = []
    for name in drop:
        column = next((column for column in kept if header[column] == name), None)
        if column is not None and sum(widths[index] + 2 for index in kept) - 2 > width:
            kept.remove(column)
            dropped.append(name)
    lines = _aligned([[row[column] for column in kept] for row in cells], left={0})
    if dropped:
        lines += ["", textwrap.fill(f"Left out at this width: {', '.join(dropped)}. --json has all.", width)]
    return "\n".join(lines)


def _cells(rows: Sequence[Sequence[str]], *, columns: int) -> list[list[str]]:
    """Return printable cells without line breaks, padded to full rows."""
    lines = [[printable(cell).translate(_ONE_LINE) for cell in row] for row in rows]
    return [[*line, *[""] * (columns - len(line))] for line in lines]


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len  # rich takes a tenth of a second to import, which `--help` does not need

    return [max(map(cell_len, column)) for column in zip(*cells, strict=True)]


def _aligned(cells: Sequence[Sequence[str]], *, left: Set[int]) -> list[str]:
    """Return one line per row; long labels, and values wider than half the terminal, are cut."""
    from rich.console import Console
    from rich.table import Table

    widths, width = _widths(cells), terminal_width()
    widths[1:2] = [min(size, width // 2) for size in widths[1:2]]
    widths[0] = max(1, min(widths[0], width - sum(size + 2 for size in widths[1:] if size)))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column, size in enumerate(widths):
        table.add_column(justify="left" if column in left else "right", width=size, no_wrap=True)
    for row in cells:
        table.add_row(*row)
    console = Console(  # rich counts padding after the last column too
        file=io.StringIO(), width=width + 4, color_system=None, markup=False, emoji=False, highlight=False
    )
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def listed(lines: Sequence[str], *, count: int) -> list[str]:
    """Return the first `MAX_LISTED` of `count` lines, of which `lines` may be the first, and how many others are."""
    shown = lines[:MAX_LISTED]
    known = "all" if len(lines) == count else f"the first {len(lines):,}"
    return [*shown, *([f"… and {count - len(shown):,} more; --json lists {known}"] if count > len(shown) else [])]


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 in percent, a dash where nothing was to score."""
    return NOTHING if share is None else f"{100 * share:.2f}"


def score_rows(scores: Mapping[str, Any]) -> list[Row]:
    """Return the rows of `asdict(OfficialScores)`, shares in percent."""
    has_evidence, has_gold = bool(scores["evidence_submitted"]), bool(scores["gold"])
    rows: list[Row] = [
        ("F1", percent(scores["f1"]), "" if has_gold else NO_GOLD),
        ("Ign F1", percent(scores["ign_f1"]), "" if scores["seen"] is not None else "needs --train"),
        ("precision", percent(scores["precision"])),
        ("recall", percent(scores["recall"])),
        (
            "evidence F1",
            percent(scores["evidence_f1"] if has_evidence and has_gold else None),
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
    note = f"in {truncation['documents']:,} documents" if truncation["documents"] else ""
    return [
        GAP,
        ("mentions beyond the cut", f"{truncation['mentions']:,}", note),
        ("entities beyond the cut", f"{truncation['entities']:,}"),
        ("facts beyond the cut", f"{truncation['facts']:,}"),
    ]


def count_rows(counts: Mapping[str, int]) -> list[Row]:
    """Return a row for each count."""
    return [(key.replace("_", " "), f"{count:,}") for key, count in counts.items()]


def corpus_heading(corpus: Corpus) -> str:
    """Return the first line of a result: the file and its number of documents."""
    count = corpus.issues.skipped_documents
    skipped = f", {count:,} skipped" if count else ""
    return f"{corpus.path}: {len(corpus.documents):,} documents{skipped}"


def statistics_rows(statistics: Mapping[str, Any]) -> list[Row]:
    """Return the rows of `asdict(CorpusStatistics)`, and of `asdict(TokenStatistics)` merged into it."""
    rows: list[Row] = []
    for key, value in statistics.items():
        label = key.replace("_", " ")
        if value is None:
            rows.append((label, NOTHING))
        elif key == "relations":
            rows.append((label, f"{len(value):,}"))
        elif key == "repeated_titles":
            rows.append((label, f"{len(value):,}", "a submission would be refused" if value else ""))
        elif key in _NOTES:
            rows.append((label, f"{value:,}", _NOTES[key] if value else ""))
        elif key == "left_out":
            rows += [(f"{kind} left out", f"{count:,}") for kind, count in value.items()]
        elif key == "lost":
            for length, lost in value.items():
                rows += [(f"{unit} lost at {length:,} tokens", f"{lost[unit]:,}") for unit in ("mentions", "facts")]
        elif key.endswith("_share"):
            rows.append((label.removesuffix(" share"), percent(value), "% of facts"))
        else:
            rows.append((label, f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"))
    relations: Mapping[str, int] = statistics["relations"] or {}
    shown = list(relations.items())[:MAX_LISTED]
    rows += [(f"  {relation}", f"{count:,}") for relation, count in shown]
    if len(relations) > len(shown):
        rows.append(("  …", f"{len(relations) - len(shown):,}", "more relations; --json lists all"))
    return rows
