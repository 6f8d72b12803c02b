"""This checkout against another one, such as an earlier commit: the same steps and predictions, one after the other."""

import json
import os
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarking.speed import DOCUMENTS_OF_PREDICTION, DOCUMENTS_OF_STEP, rows_of_round

RESAMPLES = 4000
"""Bootstrap samples of an interval."""

SIDE_OF_0_1 = """
import json, os, sys
from pathlib import Path
from time import perf_counter
sys.path.insert(0, os.getcwd())
answers, questions = os.fdopen(os.dup(1), "w"), sys.stdin
os.dup2(2, 1)
from atlop.cli.memory import keep_freed_memory
from atlop.config import OptimizerConfig
from atlop.prediction import DecisionRule, accelerator_for, score_batches
from atlop.training.updates import Updater
from scripts.benchmarking.sides import Fast, read_material
keep_freed_memory()
documents, encoder, precision = sys.argv[1:]
side = Fast(read_material(Path(documents), encoder=encoder, tokenizer_folder=encoder, most=500))
accelerator, rule = accelerator_for(precision), DecisionRule.of(side.model, calibration=None)
updater = Updater(
    side.model, accelerator=accelerator, documents=side.encoded, pair_counts=[len(each.pairs) for each in side.encoded],
    config=OptimizerConfig(encoder_learning_rate=1e-6, new_layers_learning_rate=1e-6), updates=100_000,
)
def step(rows):
    started = perf_counter()
    updater.apply([rows])
    return perf_counter() - started
def predict(rows):
    started = perf_counter()
    for scored in score_batches(side.model, [[side.encoded[row] for row in rows]], accelerator=accelerator):
        rule.facts(scored)
    return perf_counter() - started
for question in questions:
    what, rows = json.loads(question)
    print((step if what == "step" else predict)(rows), file=answers, flush=True)
"""
"""What side.py does, for checkouts of version 0.1, which have none."""


class _Side:
    """The package of one checkout, in a process of its own that works when it is asked."""

    def __init__(self, folder: Path, *arguments: str):
        has_side = (folder / "scripts" / "benchmarking" / "side.py").exists()
        program = ("-m", "scripts.benchmarking.side") if has_side else ("-c", SIDE_OF_0_1)
        self._process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},  # before an installed package
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
    folder: Path, *, documents: Path, encoder: str, rounds: int, among: int, precision: str
) -> dict[str, Any]:
    """Measure steps and predictions of this checkout and of another, both on the same documents in every round.

    Args:
        folder: Root of the other checkout.
        documents: Labelled documents.
        encoder: Folder of an encoder.
        rounds: How many; one more goes before them and is not counted.
        among: Number of documents in the file, 500 at most.
        precision: `float32` or `bf16`.

    Returns:
        For `step` and `prediction`: median seconds of both, the median of the ratios here ÷ there, and its 95 %
        interval by bootstrap over rounds.
    """
    arguments = str(documents.resolve()), str(Path(encoder).resolve()), precision
    sizes = {"step": DOCUMENTS_OF_STEP, "prediction": DOCUMENTS_OF_PREDICTION}
    with ExitStack() as stack:
        here, there = (stack.enter_context(_Side(place, *arguments)) for place in (Path.cwd(), folder.resolve()))
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
