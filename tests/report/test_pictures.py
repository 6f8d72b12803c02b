"""Pictures hold what was measured, and come as PNG and SVG."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from atlop.calibration import Candidates
from atlop.evaluation import detailed_scores, fact_table, table_scores
from atlop.report import (
    MarginHistogram,
    learning_picture,
    margin_picture,
    precision_recall_picture,
    relation_picture,
    save,
)
from atlop.report.decisions import NAMED
from atlop.report.drawing import BLUE, INK, PAGE, figure_svg
from atlop.run_metrics import DevScores, Metrics
from tests.evaluation.scored_documents import documents_at_random, predictions_at_random

DOCUMENTS = documents_at_random(20, seed=1)
TABLE = fact_table(DOCUMENTS, predictions=predictions_at_random(DOCUMENTS, seed=2, share=0.6), train_facts=None)
SCORES = table_scores(TABLE)


MARGINS = MarginHistogram(edges=np.array([-0.5, 0.0, 0.5]), positives=np.array([3, 7]), negatives=np.array([50, 2]))


def candidates(margins: list[float], correct: list[bool]) -> Candidates:
    nothing = np.zeros(len(margins), dtype=np.int64)
    gold = np.array([SCORES.gold])
    return Candidates(
        ("P1",), nothing, nothing, nothing, nothing + 1, np.array(margins, np.float32), np.array(correct, bool), gold
    )


def legend_of(axes: Axes) -> Legend:
    legend = axes.get_legend()
    assert legend is not None
    return legend


def step(number: int, loss: float) -> Metrics:
    return Metrics(step=number, loss=loss)


def evaluation(number: int, f1: float, ign_f1: float | None = None) -> Metrics:
    return Metrics(step=number, dev=DevScores(f1, ign_f1))


def lines_of(figure: Figure, panel: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return the points of each labelled line."""
    lines = figure.axes[panel].lines
    return {
        str(line.get_label()): (np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist())
        for line in lines
    }


def scores_of(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """Return the points of each dev score."""
    return {
        str(container.get_label()): (line.get_xdata().tolist(), line.get_ydata().tolist())
        for container in figure.axes[1].containers
        for line in [container[0]]
    }


def test_of_a_step_that_was_done_twice_the_last_counts() -> None:
    figure = learning_picture([[step(1, 4.0), step(2, 3.0), step(3, 9.0), step(2, 2.0), step(3, 1.0)]])

    assert lines_of(figure, 0)["each step"] == ([1, 2, 3], [4.0, 2.0, 1.0])
    assert len(figure.axes) == 1


def test_dev_scores_are_drawn_in_percent_and_the_best_is_named() -> None:
    rows = [step(1, 4.0), evaluation(1, 0.25, 0.2), step(2, 3.0), evaluation(2, 0.5, 0.4)]

    figure = learning_picture([rows])

    assert scores_of(figure) == {"F1": ([1, 2], [25.0, 50.0]), "Ign F1": ([1, 2], [20.0, 40.0])}
    assert [text.get_text() for text in figure.axes[1].texts] == ["best F1: 50.00"]
    assert figure.axes[1].get_xlabel() == "step"


def test_without_train_facts_ign_f1_is_not_drawn() -> None:
    assert list(scores_of(learning_picture([[step(1, 4.0), evaluation(1, 0.25)]]))) == ["F1"]


def test_the_loss_is_smoothed_over_a_fiftieth_of_the_steps() -> None:
    losses = np.random.default_rng(1).random(200)

    drawn = lines_of(learning_picture([[step(n, loss) for n, loss in enumerate(losses, start=1)]]), 0)

    steps, means = drawn["mean of 4 steps"]
    assert steps == list(range(4, 201))
    assert means == pytest.approx([losses[n - 4 : n].mean() for n in range(4, 201)])


def test_of_several_runs_the_mean_and_the_standard_deviation_are_drawn() -> None:
    runs = [
        [step(1, loss), evaluation(1, f1 - 0.2), step(2, loss), evaluation(2, f1)]
        for loss, f1 in ((1.0, 0.5), (2.0, 0.6), (3.0, 0.7))
    ]

    figure = learning_picture(runs)

    assert lines_of(figure, 0)["mean of 3 runs"] == ([1, 2], [2.0, 2.0])
    [bars] = figure.axes[1].containers
    assert bars.get_label() == "F1"
    assert figure.axes[1].get_ylabel() == "dev score (%), mean ± SD"
    _, _, [deviations] = bars
    assert [tuple(segment[:, 1]) for segment in deviations.get_segments()] == [
        pytest.approx((30, 50)), pytest.approx((50, 70))
    ]  # fmt: skip
    assert [text.get_text() for text in figure.axes[1].texts] == ["best F1: 60.00 ± 10.00"]


def test_the_decisions_and_the_best_threshold_are_marked() -> None:
    figure = precision_recall_picture(candidates([2.0, 1.0, -1.0], [True, False, True]), scores=SCORES)

    drawn = lines_of(figure, 0)
    assert SCORES.f1 is not None
    assert SCORES.recall is not None
    assert SCORES.precision is not None
    assert drawn[f"decided: F1 {100 * SCORES.f1:.2f}"] == ([100 * SCORES.recall], [100 * SCORES.precision])
    best = 2 * (2 / 3) * (2 / SCORES.gold) / (2 / 3 + 2 / SCORES.gold)
    assert f"best here: margin ≥ −1.00, F1 {100 * best:.2f}" in drawn


def test_where_no_relation_was_scored_there_is_still_a_picture() -> None:
    assert precision_recall_picture(candidates([], []), scores=SCORES).axes


def test_the_histogram_says_how_many_are_above_the_threshold() -> None:
    figure = margin_picture(MARGINS)

    labels = [text.get_text() for text in legend_of(figure.axes[0]).get_texts()]
    assert labels == ["do not hold (2 of 52 above 0)", "hold (7 of 10 above 0)"]


def test_a_wide_histogram_is_drawn_with_fewer_bins_and_all_its_counts() -> None:
    wide = MarginHistogram(np.arange(-500.0, 501.0), np.ones(1000, int), np.ones(1000, int))

    [negatives, positives] = margin_picture(wide).axes[0].patches

    for stairs in (negatives, positives):
        assert sum(stairs.get_data().values) == 1000  # type: ignore[attr-defined]
        assert len(stairs.get_data().values) <= 80  # type: ignore[attr-defined]


def test_each_relation_with_gold_facts_is_a_dot() -> None:
    scores = detailed_scores(TABLE, documents=DOCUMENTS, train_frequency={"P1": 1000, "P2": 20})

    dots, *_ = relation_picture(scores, names={}).axes[0].collections

    drawn = np.asarray(dots.get_offsets()).tolist()
    assert drawn == [
        [group.train, pytest.approx(100 * group.f1.value)] for group in scores.relations.values() if group.gold
    ]
    assert [drawn[list(scores.relations).index(relation)][0] for relation in ("P1", "P2")] == [1000, 20]


def test_the_relations_with_most_gold_facts_are_named_beside_their_dots_and_have_intervals() -> None:
    scores = detailed_scores(TABLE, documents=DOCUMENTS, train_frequency={"P1": 1000, "P2": 20})
    largest = sorted((group for group in scores.relations.values() if group.gold), key=lambda group: -group.gold)[
        :NAMED
    ]
    best = next(iter(scores.relations))

    figure = relation_picture(scores, names={best: "a name of more than two lines of eighteen characters"})

    [axes] = figure.axes
    names = {text.get_text() for text in axes.texts}
    assert names - set(scores.relations) == {"a name of more\nthan two lines of…"}
    assert len(names) == len(largest)
    intervals = [tuple(segment[:, 1]) for bars in axes.collections[3:] for segment in bars.get_segments()]  # type: ignore[attr-defined]
    assert intervals == [(100 * group.f1.low, 100 * group.f1.high) for group in largest]
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(axes.bbox.x1 < box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)


PICTURES = {
    "learning": learning_picture([[step(1, 0.4), evaluation(1, 0.25, 0.2), step(2, 0.2), evaluation(2, 0.5, 0.4)]]),
    "precision_recall": precision_recall_picture(candidates([2.0, 1.0, -1.0], [True, False, True]), scores=SCORES),
    "margins": margin_picture(MARGINS),
    "relations": relation_picture(
        detailed_scores(TABLE, documents=DOCUMENTS, train_frequency={"P1": 1000, "P2": 20}), names={}
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_legend_covers_its_panel_and_ticks_are_plain_numbers(name: str) -> None:
    figure = PICTURES[name]
    figure.draw_without_rendering()

    for axes in figure.axes:
        assert legend_of(axes).get_window_extent().y0 >= axes.bbox.y1
        ticks = [tick.get_text() for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_ticklabels(which="both")]
        assert all(re.fullmatch(r"(−?[\d,]+(\.\d+)?)?", tick) for tick in ticks), ticks


def test_a_reader_who_prefers_dark_pages_gets_a_dark_picture() -> None:
    svg = figure_svg(margin_picture(MARGINS))

    ElementTree.fromstring(svg)
    used = set(re.findall(r"#[0-9a-f]{6}", re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)))
    rules = dict(re.findall(r'\[style\*="fill: (#\w+)"\]\{fill:(#\w+)!important\}', svg))
    assert {INK, PAGE, BLUE} < used <= set(rules)
    assert not set(rules.values()) & used


def test_a_picture_is_written_as_png_and_svg_the_same_bytes_each_time(tmp_path: Path) -> None:
    def written(folder: Path) -> list[bytes]:
        paths = save(margin_picture(MARGINS), folder, name="margins")
        assert [path.name for path in paths] == ["margins.png", "margins.svg"]
        return [path.read_bytes() for path in paths]

    png, svg = written(tmp_path / "first")

    assert png.startswith(b"\x89PNG")
    assert "margin above the threshold (nats)" in svg.decode()
    assert written(tmp_path / "second") == [png, svg]
