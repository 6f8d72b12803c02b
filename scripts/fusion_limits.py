r"""Measure what fusion gains and costs by its limits: the margin of pairs, and the number of pseudo documents.

Example:
    OMP_NUM_THREADS=1 python scripts/fusion_limits.py runs/evidence data/redocred/dev_revised.json --documents 150
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from time import process_time

from accelerate import Accelerator

from atlop import fusion
from atlop.calibration import choose_decision, collect_candidates
from atlop.corpora import read_labelled
from atlop.decoding import PLAIN
from atlop.ensemble import Ensemble, load_ensemble
from atlop.prediction import loop_settings
from atlop.schema import Document
from atlop.scores import DocumentScores

LIMITS = (8, 16, 32, 64)
MARGINS = (-10.0, -5.0, -3.0, -1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("file", type=Path, help="labelled documents")
    parser.add_argument("--documents", type=int, help="use so many of the first; by default all")
    options = parser.parse_args()
    documents = read_labelled(options.file).documents[: options.documents]
    ensemble, loop = load_ensemble(options.model).with_decision(PLAIN), loop_settings("float32", device="cpu")
    started = process_time()
    scored = list(ensemble.score(documents, **loop))
    print(f"{len(documents)} documents alone: {process_time() - started:.0f} seconds of CPU\n")
    print("| lowest margin | at most | pseudo documents a document | seconds of CPU | F1 | over the offset |")
    print("|---|---|---|---|---|---|")
    for margin, limit in product(MARGINS, LIMITS):
        fusion.MAX_PSEUDO_DOCUMENTS, fusion.LOWEST_MARGIN = limit, margin
        cells = _measure(ensemble, documents, scored, accelerator=loop["accelerator"])
        print(f"| {margin:g} | {limit} | {' | '.join(cells)} |", flush=True)


def _measure(
    ensemble: Ensemble, documents: Sequence[Document], scored: Sequence[DocumentScores], *, accelerator: Accelerator
) -> tuple[str, ...]:
    """Return the mean number of pseudo documents, the CPU's seconds for all, cross-validated F1 and its gain."""
    started = process_time()
    completed = list(ensemble.with_pseudo_margins(documents, scored, accelerator=accelerator))
    seconds = process_time() - started
    candidates = collect_candidates(completed, documents=documents, rule=ensemble.rule)
    found = choose_decision(candidates, use="fusion").scores["fusion"]
    assert found.gain is not None, "fusion is compared with the offset"
    low, high = 100 * found.gain.low, 100 * found.gain.high
    mean = sum(len(each.pseudo_words) for each in completed) / len(documents)
    gain = f"{100 * found.gain.value:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"{mean:.1f}", f"{seconds:.0f}", f"{100 * found.cross_validated_f1:.2f}", gain


if __name__ == "__main__":
    main()
