"""Metrics are read while they are written, and damaged ones are one message."""

from pathlib import Path

import pytest

from atlop.errors import AtlopError
from atlop.run_metrics import Metrics, MetricsFile, read_metrics


def step(number: int, loss: float) -> Metrics:
    return Metrics(step=number, loss=loss)


def line(number: int, loss: float) -> str:
    return f'{{"step": {number}, "loss": {loss}}}\n'


def test_a_line_that_is_just_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "epoch": 0, "loss": 4.0}\n{"step": 2, "lo', encoding="utf-8")

    assert read_metrics(path) == [step(1, 4.0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no step yet"),
        ('{"step": 1, "dev": {"f1": 0, "ign_f1": null}}\n', "holds no step yet"),
        ('{"step": 1, "loss": 3}\n{"step": "2", "loss": 3}\n', 'line 2, "step": Input should be a valid integer'),
        ('{"step": 1, "dev": {"f1": 0}}\n', 'line 1, "dev.ign_f1": is missing; expected the metrics of a step'),
        ('{"step": 1, "loss": 3}\n{"upd\n', "line 2, column 2: not valid JSON .* expected the metrics of a step"),
        ("[3]\n", "line 1: expected the metrics of a step"),
        ("[" * 100_000 + "\n", "line 1: lists or objects are nested"),
        ('{"step": ' + "9" * 5000 + "}\n", "line 1: has a number with thousands of digits"),
        ('{"loss": 3}\n', 'line 1, "step": is missing; expected the metrics of a step'),
    ],
)
def test_metrics_that_cannot_be_drawn_are_one_message(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(AtlopError, match=message):
        read_metrics(path)


def test_only_what_is_new_is_read_again_and_a_torn_line_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, 4.0) + line(2, 3.0)[:7], encoding="utf-8")
    file = MetricsFile(path)
    file.read()
    assert file.rows == [step(1, 4.0)]
    first = file.rows[0]

    with path.open("a", encoding="utf-8") as log:
        log.write(line(2, 3.0)[7:] + line(3, 2.0))
    file.read()

    assert file.rows == [step(1, 4.0), step(2, 3.0), step(3, 2.0)]
    assert file.rows[0] is first


@pytest.mark.parametrize("later", ["", line(2, 9.0), line(2, 9.0) + line(3, 8.0) + line(4, 7.0)])
def test_a_file_that_a_resumed_training_has_cut_is_read_anew(later: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, 4.0) + line(2, 3.0) + line(3, 2.0), encoding="utf-8")
    file = MetricsFile(path)
    file.read()

    path.write_text(line(1, 4.0) + later, encoding="utf-8")
    file.read()

    assert file.rows == read_metrics(path)


def test_after_a_damaged_line_the_rows_before_it_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, 4.0) + "{\n" + line(2, 3.0), encoding="utf-8")
    file = MetricsFile(path)

    for _ in range(2):
        with pytest.raises(AtlopError, match=r"metrics.jsonl, line 2, column"):
            file.read()
        assert file.rows == [step(1, 4.0)]
