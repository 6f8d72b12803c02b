"""Extraction through Ray on this machine: kills, throughput against one process, memory.

`kills`: two nodes, of which one worker and then one node is killed in the middle; every document must be there once,
with the facts that one process finds. `throughput`: documents a second of one process, and of one and two workers,
without start-up: from as many parts as there are workers to the last; parts have 512 documents. `memory`: the most that
a worker takes.

    python scripts/engines.py --documents 20000 --parts kills memory --output runs/engines
    python scripts/engines.py --documents 2048 --parts throughput --encoder all-MiniLM-L6-v2 \
      --corpus data/redocred/dev_revised.json --output runs/throughput
"""

import argparse
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/ has the clusters
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = os.environ["LRU_CACHE_CAPACITY"] = "64"  # as the command sets them

from atlop.cli.memory import keep_freed_memory
from atlop.files import hidden_path, write_json
from atlop.inference import RelationExtractor
from atlop.inference.batches import ExtractBatches
from atlop.inference.parts import DOCUMENTS_PER_PART, extract_file
from atlop.inference.ray_engine import RayEngine
from atlop.inference.sources import Source
from atlop.model_folder import save_model
from scripts.benchmarking.extraction import plain_text
from scripts.benchmarking.sides import make_model, read_material
from tests.inference.ray_clusters import at_parts, cluster_of, kill_node, kill_worker, worker_pids, write_texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--parts", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS), metavar="PART")
    parser.add_argument("--rounds", type=int, default=3, help="of `throughput`")
    parser.add_argument("--encoder", help="folder of the encoder of an untrained model; by default the sample model")
    parser.add_argument("--corpus", type=Path, help="documents in DocRED's format; by default the sample's texts")
    parser.add_argument("--output", type=Path, default=Path("runs/engines"), help="folder for all output")
    options = parser.parse_args()
    folder: Path = options.output.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = write_input(folder, documents=options.documents, encoder=options.encoder, corpus=options.corpus)
    keep_freed_memory()
    found = {name: MEASUREMENTS[name](folder, model, options.rounds) for name in options.parts}
    write_json(folder / "engines.json", found)  # Ray writes on standard output, too
    print(json.dumps(found, indent=1))
    sys.exit(not found.get("kills", {}).get("equal", True))


def write_input(folder: Path, *, documents: int, encoder: str | None, corpus: Path | None) -> str:
    """Write `texts.jsonl`, and the model where an encoder is given; return the model's name."""
    if encoder is None or corpus is None:
        write_texts(folder / "texts.jsonl", documents=documents)
        return "sample"
    material = read_material(corpus, encoder=encoder, most=documents)
    model, tokenizer = make_model(material)
    save_model(folder / "model", model=model, tokenizer=tokenizer)
    with plain_text(material, rows=list(range(len(material.documents)))) as file:
        lines = file.read_text(encoding="utf-8").splitlines()
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as texts:
        texts.writelines(lines[number % len(lines)] + "\n" for number in range(documents))
    return str(folder / "model")


def measure_kills(folder: Path, model: str, _: int) -> dict[str, Any]:
    """Kill a worker after a quarter of the parts and a node after half of them."""
    extractor, source = RelationExtractor.from_pretrained(model, device="cpu"), Source(folder / "texts.jsonl")
    output = folder / "ray.jsonl"
    extract_file(extractor, source, output=folder / "one.jsonl")
    count = len(source.starts(every=DOCUMENTS_PER_PART))
    with cluster_of(2, cpus=1) as cluster:
        kills = {max(1, count // 4): kill_worker, max(2, count // 2): lambda: kill_node(cluster)}
        with at_parts(hidden_path(output, suffix=".parts"), kills) as killed:
            extract_file(extractor, source, output=output, engine=_engine(model, workers=2, cpus=0.5))
    numbers = [json.loads(line)["document"] for line in output.read_text(encoding="utf-8").splitlines()]
    return {
        "documents": len(numbers),
        "once": numbers == list(range(len(numbers))),
        "killed_after_parts": killed,
        "parts": count,
        "equal": len(killed) == 2 and output.read_bytes() == (folder / "one.jsonl").read_bytes(),
    }


def measure_throughput(folder: Path, model: str, rounds: int) -> dict[str, Any]:
    """Measure one process, one worker and two workers in turn; medians over rounds."""
    extractor, source = RelationExtractor.from_pretrained(model, device="cpu"), Source(folder / "texts.jsonl")
    count = len(source.starts(every=DOCUMENTS_PER_PART))
    rates: dict[str, list[float]] = {"process": [], "worker": [], "two_workers": []}
    for _ in range(rounds):
        for name, workers in (("process", 0), ("worker", 1), ("two_workers", 2)):
            times: list[float] = []
            engine = _engine(model, workers=workers, cpus=1) if workers else None
            output = folder / "facts.jsonl"
            first = max(1, workers)  # parts until every worker has started
            moments = dict.fromkeys((first, count), lambda: times.append(time.monotonic()))  # noqa: B023  # called at once
            with at_parts(hidden_path(output, suffix=".parts"), moments):
                extract_file(extractor, source, output=output, engine=engine)
            times.append(time.monotonic())  # the last part is missed if all are joined at once
            output.unlink()
            rates[name].append((count - first) * DOCUMENTS_PER_PART / (times[1] - times[0]))
            print(f"{name}: {rates[name][-1]:.1f} documents/s", file=sys.stderr, flush=True)
    shares = [worker / process for worker, process in zip(rates["worker"], rates["process"], strict=True)]
    return {name: median(each) for name, each in rates.items()} | {"share_of_worker": median(shares)}


def measure_memory(folder: Path, model: str, _: int) -> dict[str, Any]:
    """Measure the largest resident memory of the worker and of this process, with a tenth of the documents and all."""
    extractor = RelationExtractor.from_pretrained(model, device="cpu")
    lines = (folder / "texts.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    found: dict[str, Any] = {}
    for count in (len(lines) // 10, len(lines)):
        part, output = folder / "part.jsonl", folder / "facts.jsonl"
        part.write_text("".join(lines[:count]), encoding="utf-8")
        with _largest_memory() as megabytes:
            extract_file(extractor, Source(part), output=output, engine=_engine(model, workers=1, cpus=1))
        output.unlink()
        found[f"{count}_documents"] = dict(megabytes)
    return found


MEASUREMENTS = {"kills": measure_kills, "throughput": measure_throughput, "memory": measure_memory}


def _engine(model: str, *, workers: int, cpus: float) -> RayEngine:
    return RayEngine(ExtractBatches(model, precision="float32", device="cpu"), workers=workers, cpus=cpus)


@contextmanager
def _largest_memory() -> Iterator[dict[str, float]]:
    """Yield the largest resident memory of the workers and of this process, in MB, while the block runs."""
    largest = {"worker": 0.0, "this_process": 0.0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            for name, pids in (("worker", worker_pids()), ("this_process", [os.getpid()])):
                largest[name] = max(largest[name], *map(_resident_megabytes, pids), 0.0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        over.set()
        thread.join()


def _resident_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    main()
