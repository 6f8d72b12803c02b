"""The metrics of a run, as training writes them to `metrics.jsonl`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from atlop.config import MAX_INTEGER
from atlop.corpora.json_objects import parse_json_object
from atlop.errors import AtlopError
from atlop.files import reading
from atlop.json_values import typed

_Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


@dataclass(frozen=True)
class DevScores:
    """Scores on dev, from 0 to 1."""

    f1: _Finite | None
    ign_f1: _Finite | None
    precision: _Finite | None = None
    recall: _Finite | None = None


@dataclass(frozen=True)
class Metrics:
    """A line of `metrics.jsonl`: a step with its loss unless it was skipped, or an evaluation."""

    step: Count
    epoch: Count = 0
    loss: _Finite | None = None
    skipped: bool = False
    encoder_learning_rate: _Finite | None = None
    new_layers_learning_rate: _Finite | None = None
    seconds: Seconds | None = None
    """Training time when the line was written; earlier versions gave it for evaluations alone."""
    dev: DevScores | None = None


class MetricsFile:
    """A run's `metrics.jsonl`, which a training may write meanwhile: it appends, and cuts when it is resumed."""

    def __init__(self, path: Path):
        """Read nothing yet."""
        self.path = path
        self.rows: list[Metrics] = []
        """The lines so far, without a last one that is still being written."""
        self._offset, self._last = 0, b""

    def read(self) -> None:
        """Read the lines that are new, or all if the file was cut.

        Raises:
            AtlopError: The file is missing or damaged; `rows` has the lines before.
        """
        with reading(self.path), self.path.open("rb") as file:
            file.seek(self._offset - len(self._last))
            if file.read(len(self._last)) != self._last:
                self.rows, self._offset, self._last = [], 0, b""
                file.seek(0)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.rows.append(_parse(line, where=f"{self.path}, line {len(self.rows) + 1}"))
                self._offset, self._last = self._offset + len(line), line


def read_metrics(path: Path) -> list[Metrics]:
    """Read a run's `metrics.jsonl`, without a last line that is still being written.

    Raises:
        AtlopError: The file is missing or damaged, or has no steps yet.
    """
    file = MetricsFile(path)
    file.read()
    if not any(row.loss is not None for row in file.rows):
        raise AtlopError(f"{path}: holds no step yet; wait until the run has logged some")
    return file.rows


def _parse(line: bytes, *, where: str) -> Metrics:
    advice = "expected the metrics of a step, as training writes them"
    return typed(parse_json_object(line, expected=advice, where=where), Metrics, where=where, advice=advice)
