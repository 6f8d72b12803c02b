"""Peak memory, and how time and memory grow with document length and entities; Linux only.

Every measurement runs in a new process, since a process keeps much of its freed memory.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlop.corpora import read_corpus
from scripts.benchmarking.sides import Fast, Material, Plain

LENGTHS = {"fast": (1000, 2000, 4000, 8000, 16000), "plain": (1000, 2000, 4000)}
"""Tokens of one document."""
LONG_ENTITIES = 30
"""Entities of that document."""
ENTITIES = (50, 100, 200, 400)
"""Entities of one document of `TOKENS_OF_ENTITIES` tokens."""
TOKENS_OF_ENTITIES = 1302


def run_in_subprocess(arguments: list[str], *, return_memory: bool = False) -> Any:
    """Call `scripts/benchmark.py` again with other arguments and return the JSON that it prints.

    Args:
        arguments: Command-line arguments.
        return_memory: Whether freed memory goes back to the system at once: exact for memory, but slow.
    """
    keep_nothing = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", *arguments],
        env=os.environ | (keep_nothing if return_memory else {}),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def memory_of_step(material: Material, *, side: str, rows: list[int]) -> dict[str, float]:
    """Return the peak memory of a step besides weights, gradients and optimizer state, in bytes."""
    made = _made(material, side=side)
    made.step(rows[:1])
    before = start_of_peak()
    made.step(rows)
    parameters = made.model.parameters()
    gradients = sum(4 * parameter.numel() for parameter in parameters if parameter.requires_grad)
    return {"bytes": peak_memory() - before - gradients}


def step_of_length(material: Material, *, side: str, tokens: int) -> dict[str, float]:
    """Train on one document of `tokens` tokens; return seconds and bytes of a step, gradients included."""
    made = _made_long(material, side=side, tokens=tokens)
    made.step([0])
    before = start_of_peak()
    seconds = min(made.step([0]) for _ in range(2))
    return {"seconds": seconds, "bytes": peak_memory() - before}


def prediction_of_length(material: Material, *, side: str, tokens: int) -> dict[str, float]:
    """Predict one document of `tokens` tokens; return seconds and bytes."""
    return _predict(_made_long(material, side=side, tokens=tokens))


def prediction_of_entities(material: Material, *, entities: int) -> dict[str, float]:
    """Predict one document of `entities` entities; return seconds, bytes, and the bytes of the scores alone."""
    mentions = [{"name": "it", "sent_id": 0, "pos": [word, word + 1], "type": "MISC"} for word in range(entities)]
    document = {
        "title": "",
        "sents": [["it"] * (TOKENS_OF_ENTITIES - 2 - 2 * entities)],  # two markers a mention
        "vertexSet": [[mention] for mention in mentions],
        "labels": [],
    }
    scores = 4 * entities * (entities - 1) * material.vocabulary.classes
    return {"bytes_of_scores": scores, **_predict(Fast(_material_of(material, document, max_length=4096)))}


def _made(material: Material, *, side: str) -> Fast | Plain:
    return Plain(material) if side == "plain" else Fast(material)


def _made_long(material: Material, *, side: str, tokens: int) -> Fast | Plain:
    return _made(_material_of(material, _long_document(material), max_length=tokens), side=side)


def _predict(made: Fast | Plain) -> dict[str, float]:
    before = start_of_peak()
    made.predict([0])
    used = peak_memory() - before
    return {"seconds": min(made.predict([0]) for _ in range(3)), "bytes": used}


def _long_document(material: Material) -> dict[str, Any]:
    """Concatenate the documents, repeated as needed, and merge their entities into `LONG_ENTITIES`."""
    sentences: list[list[str]] = []
    entities: list[list[dict[str, Any]]] = [[] for _ in range(LONG_ENTITIES)]
    count = 0
    while sum(map(len, sentences)) < max(LENGTHS["fast"]):
        for document in material.raw:
            for entity in document["vertexSet"]:
                entities[count % LONG_ENTITIES] += [
                    mention | {"sent_id": mention["sent_id"] + len(sentences)} for mention in entity
                ]
                count += 1
            sentences += document["sents"]
    return {"title": "long", "sents": sentences, "vertexSet": entities, "labels": []}


def _material_of(material: Material, document: dict[str, Any], *, max_length: int) -> Material:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump([document], file)
        file.flush()
        documents = read_corpus(Path(file.name)).documents
    return replace(material, documents=documents, raw=[document], max_length=max_length)


def start_of_peak() -> int:
    """Reset the high-water mark and return the memory in use, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _status("VmRSS")


def peak_memory() -> int:
    """Return the high-water mark of the process's memory, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found
    return 1024 * int(found[1])
