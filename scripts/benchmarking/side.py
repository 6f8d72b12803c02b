"""This checkout's side of a comparison: answers lines such as `["step", [0, 1]]` with the seconds that it took.

Called by against.py as `python -m scripts.benchmarking.side DOCUMENTS ENCODER PRECISION`.
"""

import json
import os
import sys
from pathlib import Path

from pydantic import TypeAdapter

from atlop.cli.memory import keep_freed_memory
from atlop.config import Precision
from scripts.benchmarking.sides import Fast, read_material


def main(documents: str, encoder: str, precision: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed meanwhile is no answer
    keep_freed_memory()
    known: Precision = TypeAdapter(Precision).validate_python(precision)
    side = Fast(read_material(Path(documents), encoder=encoder, most=500), precision=known)
    ways = {"step": side.step, "prediction": side.predict}
    for question in sys.stdin:
        what, rows = json.loads(question)
        print(ways[what](rows), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
