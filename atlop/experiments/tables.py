"""Write results as Markdown, CSV and LaTeX tables; by hand, as rich writes neither aligned Markdown nor LaTeX."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from statistics import stdev

from atlop.evaluation import Difference, Estimate
from atlop.experiments.results import ExperimentResults, RowResult
from atlop.files import write_text

HEADER = (
    "",
    "F1",
    "95 % interval",
    "Ign F1",
    "difference",
    "difference interval",
    "p",
    "published F1",
    "published Ign F1",
)
_LATEX = str.maketrans(
    {"±": r"$\pm$", "−": "$-$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {sign: f"\\{sign}" for sign in "&%$#_{}"}
)


def write_tables(results: ExperimentResults, *, path: Path) -> str:
    """Write a table in Markdown, CSV and LaTeX.

    Args:
        results: Results of an experiment.
        path: Path of the files without `.md`, `.csv` and `.tex`; existing files are replaced.

    Returns:
        The Markdown, with scores in percent.
    """
    cells = table_rows(results)
    columns = [column for column in range(len(HEADER)) if column == 0 or any(row[column] for row in cells)]
    header, *rows = [[row[column] for column in columns] for row in (HEADER, *cells)]
    markdown = f"**{results.title}**\n\n{_markdown(header, rows)}\n\n{caption(results)}"
    for suffix, text in ((".md", markdown + "\n"), (".csv", _csv([header, *rows])), (".tex", _latex(header, rows))):
        write_text(path.with_name(path.name + suffix), text)
    return markdown


def table_rows(results: ExperimentResults) -> list[tuple[str, ...]]:
    """Return the cells of each row, in the columns of `HEADER`; scores are in percent."""
    return [_cells(row) for row in results.rows]


def _cells(row: RowResult) -> tuple[str, ...]:
    difference = row.difference
    return (
        row.name,
        _mean(row.f1.value, row.f1_of_seeds),
        _interval(row.f1),
        _mean(row.ign_f1.value, row.ign_f1_of_seeds),
        "" if difference is None else f"{_signed(difference.difference)}",
        "" if difference is None else _interval(difference),
        "" if difference is None else f"{difference.p:.4f}",
        *(f"{row.published[key]:.2f}" if key in row.published else "" for key in ("f1", "ign_f1")),
    )


def caption(results: ExperimentResults) -> str:
    """Describe the numbers of the table."""
    seeds = ", ".join(map(str, results.seeds))
    scores = f"mean ± standard deviation over seeds {seeds}" if len(results.seeds) > 1 else f"seed {seeds}"
    return (
        f"Percent, {scores}, on {results.documents:,} documents. Intervals of the mean by bootstrap over "
        "documents; differences of F1 from the first row, paired by document; p by an approximate randomisation test, "
        "not corrected for the number of rows." + (f" Published: {results.published}" if results.published else "")
    )


def _mean(value: float, seed_values: Sequence[float]) -> str:
    return f"{100 * value:.2f}" + (f" ± {100 * stdev(seed_values):.2f}" if len(seed_values) > 1 else "")


def _interval(estimate: Estimate | Difference) -> str:
    show = _signed if isinstance(estimate, Difference) else (lambda value: f"{100 * value:.2f}")
    return f"{show(estimate.low)} to {show(estimate.high)}"


def _signed(value: float) -> str:
    return f"{100 * value:+.2f}".replace("-", "−")


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[f"{row[0]:<{widths[0]}}", *map(str.rjust, row[1:], widths[1:])] for row in lines]
    padded.insert(1, [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def _latex(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in (header, *rows)]
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\toprule", first, r"\midrule", *others]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
