"""A large corpus from file to preprocessed documents on disk, and read again from there; Linux only."""

import json
import os
import tempfile
from pathlib import Path
from time import perf_counter

from atlop.config import PreprocessingConfig
from atlop.corpora import CorpusFile
from atlop.files import file_sha256
from atlop.preprocessing import PreprocessedCorpus, load_tokenizer, preprocessed_corpus
from scripts.benchmarking.memory import peak_memory, start_of_peak


def measure_corpus(file: Path, *, tokenizer_folder: str, documents: int) -> dict[str, float]:
    """Read and preprocess a file of many documents, and open it a second time.

    Args:
        file: Documents in DocRED's format, which are repeated under new titles.
        tokenizer_folder: Where the tokenizer lies.
        documents: Number of documents to make of them.

    Returns:
        Seconds and documents per second of the first time, the process's peak of memory in bytes, and seconds of the
        second time until the first document is there.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ATLOP_CACHE"] = str(Path(folder) / "preprocessed")
        large = Path(folder) / "documents.json"
        _repeat(file, to=large, documents=documents)
        start_of_peak()
        started = perf_counter()
        assert len(_open(large, tokenizer_folder=tokenizer_folder)) == documents
        seconds = perf_counter() - started
        peak = peak_memory()
        started = perf_counter()
        _ = _open(large, tokenizer_folder=tokenizer_folder)[0]
        return {
            "file_bytes": large.stat().st_size,
            "kept_bytes": sum(kept.stat().st_size for kept in (Path(folder) / "preprocessed").iterdir()),
            "seconds": seconds,
            "documents_per_second": documents / seconds,
            "peak_bytes": peak,
            "seconds_from_disk": perf_counter() - started,
        }


def _repeat(file: Path, *, to: Path, documents: int) -> None:
    rows = json.loads(file.read_text(encoding="utf-8"))
    with to.open("w", encoding="utf-8") as sink:
        for number in range(documents):
            row = rows[number % len(rows)]
            sink.write("," if number else "[")
            json.dump(row | {"title": f"{row['title']} {number}"}, sink)
        sink.write("]")


def _open(file: Path, *, tokenizer_folder: str) -> PreprocessedCorpus:
    return preprocessed_corpus(
        CorpusFile(file),
        name=str(file),
        identity={"file": file_sha256(file)},
        tokenizer=load_tokenizer(tokenizer_folder),
        preprocessing=PreprocessingConfig(),
    )
