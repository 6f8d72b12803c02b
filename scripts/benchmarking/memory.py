"""Peak memory, and what time and memory do as documents and entities grow; Linux only.

Everything here runs in processes of its own, in which freed memory goes back to the system at once, so that the
process's high-water mark is that of the tensors.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlop.corpora import read_corpus
from scripts.benchmarking.sides import Fast, Material, Plain

LENGTHS = {"fast": (1000, 2000, 4000, 8000, 16000), "plain": (1000, 2000, 4000)}
"""Pieces of one document; the plain form grows with the square."""
LONG_ENTITIES = 30
"""Entities of that document."""
ENTITIES = (50, 100, 200, 400)
"""Entities of one document of 500 words."""


def in_process_of_its_own(arguments: list[str]) -> Any:
    """Call `scripts/benchmark.py` again with other arguments and return the JSON that it prints."""
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", *arguments], env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def memory_of_update(material: Material, *, side: str, rows: list[int]) -> dict[str, float]:
    """Return seconds and bytes of an update; bytes above weights, gradients and optimizer state."""
    made = _made(material, side=side)
    made.update(rows[:1])
    before = start_of_peak()
    phases = made.update(rows)
    return {"seconds": phases.total, "bytes": peak_memory() - before}


def growth_with_length(material: Material, *, side: str, folder: Path) -> list[dict[str, float]]:
    """Train on and predict one document of growing length; return pieces, seconds and bytes of both."""
    document = _long_document(material)
    rows = []
    for pieces in LENGTHS[side]:
        made = _made(_material_of(material, document, folder=folder, max_length=pieces), side=side)
        made.update([0])
        before = start_of_peak()
        update = made.update([0]).total
        update_bytes = peak_memory() - before
        rows.append({"pieces": pieces, "update_seconds": update, "update_bytes": update_bytes, **_predict(made)})
    return rows


def growth_with_entities(material: Material, *, folder: Path) -> list[dict[str, float]]:
    """Predict one document with a growing number of entities; return seconds, bytes, and bytes of the scores alone."""
    rows = []
    for entities in ENTITIES:
        mentions = [{"name": "it", "sent_id": 0, "pos": [word, word + 1], "type": "MISC"} for word in range(entities)]
        document = {
            "title": "",
            "sents": [["it"] * 500],
            "vertexSet": [[mention] for mention in mentions],
            "labels": [],
        }
        made = Fast(_material_of(material, document, folder=folder, max_length=4096))
        scores = 4 * entities * (entities - 1) * material.vocabulary.classes
        rows.append({"entities": entities, "bytes_of_scores": scores, **_predict(made)})
    return rows


def _made(material: Material, *, side: str) -> Fast | Plain:
    return Plain(material) if side == "plain" else Fast(material)


def _predict(made: Fast | Plain) -> dict[str, float]:
    made.predict([0])
    before = start_of_peak()
    return {"prediction_seconds": min(made.predict([0]) for _ in range(2)), "prediction_bytes": peak_memory() - before}


def _long_document(material: Material) -> dict[str, Any]:
    """Return the documents one after the other as one, their entities dealt out to `LONG_ENTITIES`, again and again."""
    sentences: list[list[str]] = []
    entities: list[list[dict[str, Any]]] = [[] for _ in range(LONG_ENTITIES)]
    dealt = 0
    while sum(map(len, sentences)) < max(LENGTHS["fast"]):
        for document in material.raw:
            for entity in document["vertexSet"]:
                entities[dealt % LONG_ENTITIES] += [
                    mention | {"sent_id": mention["sent_id"] + len(sentences)} for mention in entity
                ]
                dealt += 1
            sentences += document["sents"]
    return {"title": "long", "sents": sentences, "vertexSet": entities, "labels": []}


def _material_of(material: Material, document: dict[str, Any], *, folder: Path, max_length: int) -> Material:
    file = folder / "document.json"
    file.write_text(json.dumps([document]), encoding="utf-8")
    return replace(material, documents=read_corpus(file).documents, raw=[document], max_length=max_length)


def start_of_peak() -> int:
    """Forget the high-water mark and return the memory in use, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _status("VmRSS")


def peak_memory() -> int:
    """Return the high-water mark of the process's memory, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found
    return 1024 * int(found[1])
