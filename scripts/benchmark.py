"""Measure the package against a plain implementation of the method, and write JSON and a table.

Example: python scripts/benchmark.py --encoder FOLDER --documents data/redocred/dev_revised.json --output runs/speed
"""

import argparse
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/reference.py is the plain form

from scripts.benchmarking import against, corpus, extraction, memory, speed
from scripts.benchmarking.gpu import SIZES, measure_gpu
from scripts.benchmarking.sides import Material, read_material, write_bert_base

PARTS = ("speed", "preprocessing", "memory", "length", "entities", "extraction", "corpus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", required=True, help="folder of a pretrained encoder")
    parser.add_argument("--bert-base", action="store_true", help="BERT-base with random weights, this one's tokenizer")
    parser.add_argument("--documents", type=Path, default=Path("data/sample/train.json"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus-documents", type=int, default=100_000, help="size of the file of part `corpus`")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--lengths", nargs="+", type=int, default=memory.LENGTHS["fast"], help="for part `length`")
    parser.add_argument("--entities", nargs="+", type=int, default=memory.ENTITIES, help="for part `entities`")
    parser.add_argument("--against", type=Path, help="another checkout: only compare steps and prediction with its own")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="for --against")
    parser.add_argument("--output", type=Path, help="folder for benchmark.json and benchmark.md")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: a made corpus, random weights")
    parser.add_argument("--size", choices=SIZES, default="bert-base", help="of the encoder, for --device cuda")
    parser.add_argument("--documents-per-step", type=int, default=4, help="for --device cuda")
    parser.add_argument("--epoch", action="store_true", help="two epochs of 3,053 documents, for --device cuda")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure == ["corpus", "fast"]:
        found = corpus.measure_corpus(
            options.documents, tokenizer_folder=options.encoder, documents=options.corpus_documents
        )
        print(json.dumps(found))
        return
    if options.measure:
        print(json.dumps(_measure(_material(options.documents, encoder=options.encoder), *options.measure)))
        return
    if options.device == "cuda":
        for found in measure_gpu(
            size=options.size,
            documents_per_step=options.documents_per_step,
            tokenizer_folder=options.encoder,
            epoch=options.epoch,
        ):
            print(json.dumps(found), flush=True)
        return
    if not options.bert_base:
        _compare(options, encoder=options.encoder)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_bert_base(Path(folder), tokenizer_folder=options.encoder)
        _compare(options, encoder=folder)


def _material(documents: Path, *, encoder: str) -> Material:
    return read_material(documents, encoder=encoder, most=500)


def _compare(options: argparse.Namespace, *, encoder: str) -> None:
    """Measure what the command line asks for, print it and write it down."""
    material = _material(options.documents, encoder=encoder)
    if options.against:
        found = against.measure_against(
            options.against,
            documents=options.documents,
            encoder=encoder,
            rounds=options.rounds,
            among=len(material.documents),
            precision=options.precision,
        )
        print(_table(found))
        return
    same = ["--encoder", encoder, "--documents", str(options.documents)]
    same += ["--corpus-documents", str(options.corpus_documents)]
    result = _run(
        material,
        parts=options.parts,
        rounds=options.rounds,
        lengths=options.lengths,
        entities=options.entities,
        same=same,
    )
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "benchmark.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (options.output / "benchmark.md").write_text(_table(result), encoding="utf-8")
    print(_table(result))


def _run(
    material: Material, *, parts: list[str], rounds: int, lengths: list[int], entities: list[int], same: list[str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if "preprocessing" in parts:
        result |= speed.measure_preprocessing(material)
    if "speed" in parts:
        result |= speed.measure_speed(material, rounds=rounds)
    if "extraction" in parts:
        result["extraction"] = _measured(same, "extraction", "fast")
        if find_spec(extraction.PIPELINE):
            result["extraction"] |= {"stages": _measured(same, "stages", "fast")}
    if "corpus" in parts:
        result["corpus"] = memory.run_in_subprocess([*same, "--measure", "corpus", "fast"])
    if "memory" in parts:
        by_side = {side: _measured(same, "memory", side, return_memory=True) for side in ("fast", "plain")}
        result["memory"] = by_side | {"fast_over_plain": by_side["fast"]["bytes"] / by_side["plain"]["bytes"]}
    if "length" in parts:
        result["length"] = {
            side: {
                tokens: {what: _measured(same, what, side, tokens) for what in ("step", "prediction")}
                for tokens in lengths
                if tokens <= max(side_lengths)
            }
            for side, side_lengths in memory.LENGTHS.items()
        }
    if "entities" in parts:
        result["entities"] = {
            number: _measured(same, "entities", "fast", number, return_memory=True) for number in entities
        }
    return result


def _measured(same: list[str], *what: object, return_memory: bool = False) -> Any:
    """Measure one thing in a new process."""
    return memory.run_in_subprocess([*same, "--measure", *map(str, what)], return_memory=return_memory)


def _measure(material: Material, what: str, side: str, size: str = "0") -> Any:
    if what == "extraction":
        return extraction.measure_extraction(material)
    if what == "stages":
        return extraction.measure_stages(material)
    if what == "memory":
        return memory.memory_of_step(material, side=side, rows=list(range(speed.DOCUMENTS_OF_STEP)))
    if what == "step":
        return memory.step_of_length(material, side=side, tokens=int(size))
    if what == "prediction":
        return memory.prediction_of_length(material, side=side, tokens=int(size))
    return memory.prediction_of_entities(material, entities=int(size))


def _table(result: dict[str, Any]) -> str:
    """Return every number as a row of a Markdown table."""
    rows = [f"| {name} | {value:,.3f} |" for name, value in _flat(result)]
    return "\n".join(["| measured | value |", "|---|---|", *rows]) + "\n"


def _flat(value: Any, name: str = "") -> list[tuple[str, float]]:
    """Return the numbers of a nested result with the path to each."""
    if isinstance(value, dict):
        items = [(str(key).replace("_", " "), each) for key, each in value.items()]
    elif isinstance(value, list):
        items = [(str(number), each) for number, each in enumerate(value)]
    else:
        return [(name, float(value))]
    return [row for key, each in items for row in _flat(each, f"{name} · {key}" if name else key)]


if __name__ == "__main__":
    main()
