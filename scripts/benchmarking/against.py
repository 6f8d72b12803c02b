"""This checkout against another one, such as an earlier commit: the same steps and predictions, one after the other."""

import json
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarking.speed import DOCUMENTS_OF_PREDICTION, DOCUMENTS_OF_UPDATE, rows_of_round

RESAMPLES = 4000
"""Bootstrap samples of an interval."""

_SIDE = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
answers, questions = os.fdopen(os.dup(1), "w"), sys.stdin
os.dup2(2, 1)
import atlop, torch
from atlop.cli.memory import keep_freed_memory
from scripts.benchmarking.sides import Fast, read_material
assert Path(atlop.__file__).is_relative_to(os.getcwd()), atlop.__file__
keep_freed_memory()
documents, encoder, tokenizer, dtype = sys.argv[1:]
side = Fast(
    read_material(Path(documents), encoder=encoder, tokenizer_folder=tokenizer, most=500), dtype=getattr(torch, dtype)
)
for question in questions:
    what, rows = json.loads(question)
    seconds = side.update(rows).total if what == "update" else side.predict(rows)
    print(seconds, file=answers, flush=True)
"""


class _Side:
    """The package of one checkout, in a process of its own that works when it is asked."""

    def __init__(self, folder: Path, *arguments: str):
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SIDE, *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "_Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def seconds(self, what: str, rows: list[int]) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([what, rows]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the other side has ended; its error stands above")
        return float(answer)


def measure_against(
    folder: Path, *, documents: Path, encoder: str, tokenizer_folder: str, rounds: int, among: int, dtype: str
) -> dict[str, Any]:
    """Measure steps and predictions of this checkout and of another, both on the same documents in every round.

    Args:
        folder: Root of the other checkout.
        documents: Labelled documents.
        encoder: Folder of an encoder, or `BERT_BASE`.
        tokenizer_folder: Where its tokenizer lies.
        rounds: How many; one more goes before them and is not counted.
        among: Number of documents in the file, 500 at most.
        dtype: `float32` or `bfloat16`.

    Returns:
        For `update` and `prediction`: median seconds of both, the median of the ratios here ÷ there, and its 95 %
        interval by bootstrap over rounds.
    """
    arguments = str(documents.resolve()), encoder, str(Path(tokenizer_folder).resolve()), dtype
    sizes = {"update": DOCUMENTS_OF_UPDATE, "prediction": DOCUMENTS_OF_PREDICTION}
    with ExitStack() as stack:
        here, there = (stack.enter_context(_Side(place, *arguments)) for place in (Path.cwd(), folder))
        result: dict[str, Any] = {}
        for what, size in sizes.items():
            times = []
            for number in range(-1, rounds):
                rows = rows_of_round(max(number, 0), size, among=among)
                order = (here, there) if number % 2 else (there, here)
                found = {side: side.seconds(what, rows) for side in order}
                if number >= 0:
                    times.append((found[here], found[there]))
            result[what] = _summary(times)
    return result


def _summary(times: list[tuple[float, float]]) -> dict[str, float]:
    ratios = [here / there for here, there in times]
    generator = random.Random(0)
    medians = sorted(median(generator.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return {
        "seconds": median(here for here, _ in times),
        "seconds_there": median(there for _, there in times),
        "ratio": median(ratios),
        "ratio_low": medians[RESAMPLES // 40],
        "ratio_high": medians[-RESAMPLES // 40 - 1],
    }
