"""Extraction from plain text to a file (`atlop extract`) against prediction on preprocessed documents."""

import gc
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from atlop.cli.memory import keep_freed_memory
from atlop.corpora import find_writer
from atlop.inference import RelationExtractor
from atlop.inference.parts import extract_file
from scripts.benchmarking.sides import Fast, Material, make_model

DOCUMENTS = 200
DOCUMENTS_OF_BATCH = 8
ROUNDS = 5


def measure_extraction(material: Material) -> dict[str, float]:
    """Measure both in turn on the same documents, whose words are joined by spaces and split again.

    Returns:
        Median documents per second of each, and the median of extraction's share of prediction's.
    """
    keep_freed_memory()
    fast = Fast(material)
    rows = list(range(min(DOCUMENTS, len(material.documents))))
    extractor = RelationExtractor(*make_model(material))
    gc.freeze()  # as the command does; it also keeps fewer oneDNN kernels
    with plain_text(material, rows=rows) as file:
        pairs = [(_predict(fast, rows), _extract(extractor, file)) for _ in range(ROUNDS + 1)][1:]  # the first warms up
    return {
        "documents_per_second": len(rows) / median(extracting for _, extracting in pairs),
        "prediction_documents_per_second": len(rows) / median(predicting for predicting, _ in pairs),
        "share_of_prediction": median(predicting / extracting for predicting, extracting in pairs),
    }


def _predict(fast: Fast, rows: list[int]) -> float:
    batches = [rows[first : first + DOCUMENTS_OF_BATCH] for first in range(0, len(rows), DOCUMENTS_OF_BATCH)]
    return sum(fast.predict(batch) for batch in batches)


def _extract(extractor: RelationExtractor, file: Path) -> float:
    output = file.with_name("facts.jsonl")
    output.unlink(missing_ok=True)
    started = perf_counter()
    extract_file(extractor, file, output=output)
    return perf_counter() - started


@contextmanager
def plain_text(material: Material, *, rows: list[int]) -> Iterator[Path]:
    """Yield a JSON lines file with some of the documents, as plain text without word boundaries."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "documents.jsonl"
        find_writer(file, format="jsonl")(file, documents=[material.documents[row] for row in rows])
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        texts = [{key: line[key] for key in ("title", "text", "entities")} for line in lines]
        file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        yield file
