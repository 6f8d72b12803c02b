"""Measure the package against the plain form of the method, and write JSON and a table.

Example: python scripts/benchmark.py --encoder FOLDER --documents data/redocred/dev_revised.json --output runs/speed
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/reference.py is the plain form

from scripts.benchmarking import corpus, memory, speed
from scripts.benchmarking.sides import BERT_BASE, Material, read_material

PARTS = ("speed", "encoding", "memory", "length", "entities", "corpus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", required=True, help="folder of a pretrained encoder")
    parser.add_argument("--bert-base", action="store_true", help="BERT-base with random weights, this one's tokenizer")
    parser.add_argument("--documents", type=Path, default=Path("data/sample/train.json"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus-documents", type=int, default=100_000, help="size of the file of part `corpus`")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--output", type=Path, help="folder for benchmark.json and benchmark.md")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure == ["corpus", "fast"]:
        found = corpus.measure_corpus(
            options.documents, tokenizer_folder=options.encoder, documents=options.corpus_documents
        )
        print(json.dumps(found))
        return
    material = read_material(
        options.documents,
        encoder=BERT_BASE if options.bert_base else options.encoder,
        tokenizer_folder=options.encoder,
        most=500,
    )
    if options.measure:
        print(json.dumps(_measure(material, *options.measure)))
        return
    same = ["--encoder", options.encoder, "--documents", str(options.documents)]
    same += ["--corpus-documents", str(options.corpus_documents)]
    same += ["--bert-base"] if options.bert_base else []
    result = _run(material, parts=options.parts, rounds=options.rounds, same=same)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "benchmark.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (options.output / "benchmark.md").write_text(_table(result), encoding="utf-8")
    print(_table(result))


def _run(material: Material, *, parts: list[str], rounds: int, same: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if "speed" in parts:
        result |= speed.measure_speed(material, rounds=rounds)
    if "encoding" in parts:
        result |= speed.measure_encoding(material)
    for part, sides in {"memory": ("fast", "plain"), "length": ("fast", "plain"), "entities": ("fast",)}.items():
        if part in parts:
            result[part] = {side: memory.in_process_of_its_own([*same, "--measure", part, side]) for side in sides}
    if "corpus" in parts:
        result["corpus"] = memory.in_process_of_its_own([*same, "--measure", "corpus", "fast"])
    if "memory" in parts:
        result["memory"]["fast_over_plain"] = result["memory"]["fast"]["bytes"] / result["memory"]["plain"]["bytes"]
    return result


def _measure(material: Material, what: str, side: str) -> Any:
    if what == "memory":
        return memory.memory_of_update(material, side=side, rows=list(range(speed.DOCUMENTS_OF_UPDATE)))
    with tempfile.TemporaryDirectory() as folder:
        if what == "length":
            return memory.growth_with_length(material, side=side, folder=Path(folder))
        return memory.growth_with_entities(material, folder=Path(folder))


def _table(result: dict[str, Any]) -> str:
    """Return every number as a row of a Markdown table."""
    rows = [f"| {name} | {value:,.3f} |" for name, value in _flat(result)]
    return "\n".join(["| measured | value |", "|---|---|", *rows]) + "\n"


def _flat(value: Any, name: str = "") -> list[tuple[str, float]]:
    """Return the numbers of a tree with the names of the way to each."""
    if isinstance(value, dict):
        items = [(str(key).replace("_", " "), each) for key, each in value.items()]
    elif isinstance(value, list):
        items = [(str(number), each) for number, each in enumerate(value)]
    else:
        return [(name, float(value))]
    return [row for key, each in items for row in _flat(each, f"{name} · {key}" if name else key)]


if __name__ == "__main__":
    main()
