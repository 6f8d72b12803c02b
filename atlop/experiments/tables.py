"""Write results as Markdown, CSV and LaTeX tables; by hand, as rich writes neither aligned Markdown nor LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from atlop.evaluation import Difference, Estimate
from atlop.experiments.results import ExperimentResults, RowResult
from atlop.files import write_text

HEADER = (
    "",
    "F1",
    "95 % interval",
    "next 100",
    "next 100 interval",
    "Ign F1",
    "evidence F1",
    "PosEvi F1",
    "seeds",
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
    """Write the tables in Markdown, CSV and LaTeX; in CSV, all rows are in one.

    Args:
        results: Results of an experiment.
        path: Path of the files without `.md`, `.csv` and `.tex`; existing files are replaced.

    Returns:
        The Markdown, with scores in percent.
    """
    cells = table_rows(results)
    columns = [column for column in range(len(HEADER)) if column == 0 or any(row[column] for row in cells)]
    header, *rows = [[row[column] for column in columns] for row in (HEADER, *cells)]
    tables: dict[str, list[list[str]]] = {}
    for result, row in zip(results.rows, rows, strict=True):
        tables.setdefault(": ".join(filter(None, (results.title, result.table))), []).append(row)
    markdown = "\n\n".join(f"**{title}**\n\n{_markdown(header, part)}" for title, part in tables.items())
    markdown += f"\n\n{caption(results)}"
    latex = "\n".join(_latex(header, part) for part in tables.values())
    for suffix, text in ((".md", markdown + "\n"), (".csv", _csv([header, *rows])), (".tex", latex)):
        write_text(path.with_name(path.name + suffix), text)
    return markdown


def table_rows(results: ExperimentResults) -> list[tuple[str, ...]]:
    """Return the cells of each row, in the columns of `HEADER`; scores are in percent."""
    return [_cells(row, seeds=len(results.seeds)) for row in results.rows]


def _cells(row: RowResult, *, seeds: int) -> tuple[str, ...]:
    difference, scored = row.difference, len(row.f1_of_seeds)
    return (
        row.name,
        "not run" if row.f1 is None else _mean(row.f1.value, row.f1_of_seeds),
        "" if row.f1 is None else _interval(row.f1),
        "" if row.gain is None else _signed(row.gain.value),
        "" if row.gain is None else _interval(row.gain, is_signed=True),
        "" if row.ign_f1 is None else _mean(row.ign_f1.value, row.ign_f1_of_seeds),
        *(
            _mean(mean(each), each) if each else ""
            for each in (row.evidence_f1_of_seeds, row.pair_evidence_f1_of_seeds)
        ),
        f"{scored} of {seeds}" if 0 < scored < seeds else "",
        "" if difference is None else f"{_signed(difference.difference)}",
        "" if difference is None else _interval(difference, is_signed=True),
        "" if difference is None else f"{difference.p:.4f}",
        *(_published(row.published, key) for key in ("f1", "ign_f1")),
    )


def _published(scores: Mapping[str, float], key: str) -> str:
    deviation = f" ± {scores[f'{key}_deviation']:.2f}" if f"{key}_deviation" in scores else ""
    return f"{scores[key]:.2f}{deviation}" if key in scores else ""


def caption(results: ExperimentResults) -> str:
    """Describe the numbers of the table."""
    seeds = ", ".join(map(str, results.seeds))
    scores = f"mean ± standard deviation over seeds {seeds}" if len(results.seeds) > 1 else f"seed {seeds}"
    has_evidence = any(row.evidence_f1_of_seeds for row in results.rows)
    evidence = " Evidence F1 is the leaderboard's; PosEvi F1 is that of pairs with annotated evidence, found or not."
    has_sizes = any(row.size is not None for row in results.rows)
    gains = (
        " Next 100: what F1 a hundred more train documents bring, from a curve that is linear in the logarithm of "
        "their number between sizes and goes on like that above the largest one."
    )
    first = "row with as many train documents" if has_sizes else "row"
    return (
        f"Percent, {scores}, on {results.documents:,} documents. Intervals of the mean by bootstrap over "
        f"documents; differences of F1 from the first {first}, paired by document; p by an approximate randomisation "
        "test, not corrected for the number of rows."
        + (gains if has_sizes else "")
        + (evidence if has_evidence else "")
        + (f" Published: {results.published}" if results.published else "")
    )


def _mean(value: float, seed_values: Sequence[float]) -> str:
    return f"{100 * value:.2f}" + (f" ± {100 * stdev(seed_values):.2f}" if len(seed_values) > 1 else "")


def _interval(estimate: Estimate | Difference, *, is_signed: bool = False) -> str:
    show = _signed if is_signed else (lambda value: f"{100 * value:.2f}")
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
