"""Write results as Markdown, CSV and LaTeX tables."""

import csv
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import stdev

from tabulate import tabulate

from atlop.evaluation import Difference, Estimate
from atlop.experiments.results import ExperimentResults, RowResult
from atlop.files import write_text

_HEADER = (
    "",
    "F1",
    "95 % interval",
    "Ign F1",
    "difference",
    "95 % interval",
    "p",
    "published F1",
    "published Ign F1",
)


def write_tables(results: ExperimentResults, *, path: Path) -> str:
    """Write a table in Markdown, CSV and LaTeX.

    Args:
        results: Results of an experiment.
        path: Path of the files without `.md`, `.csv` and `.tex`; existing files are replaced.

    Returns:
        The Markdown, with scores in percent.
    """
    cells = [_cells(row) for row in results.rows]
    columns = [column for column in range(len(_HEADER)) if column == 0 or any(row[column] for row in cells)]
    header, rows = [_HEADER[column] for column in columns], [[row[column] for column in columns] for row in cells]
    table = partial(
        tabulate, rows, headers=header, colalign=["left", *["right"] * (len(header) - 1)], disable_numparse=True
    )
    markdown = f"**{results.title}**\n\n{table(tablefmt='github')}\n\n{_caption(results)}"
    latex = table(tablefmt="latex_booktabs").replace("±", r"$\pm$").replace("−", "$-$")
    for suffix, text in ((".md", markdown + "\n"), (".csv", _csv([header, *rows])), (".tex", latex + "\n")):
        write_text(path.with_name(path.name + suffix), text)
    return markdown


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


def _caption(results: ExperimentResults) -> str:
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


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
