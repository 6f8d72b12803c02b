"""Measure the package against a plain implementation of the method, and write JSON and a table.

Example: python scripts/benchmark.py --encoder FOLDER --documents data/redocred/dev_revised.json --output runs/speed
On a GPU, with a made corpus and random weights, of whose parts each line says what was found, on which card:
python scripts/benchmark.py --device cuda --encoder atlop/sample/model --size bert-base --output runs/speed_gpu
"""

import argparse
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/reference.py is the plain form

from scripts.benchmarking import against, corpus, extraction, gpu, gpu_trainings, memory, speed
from scripts.benchmarking.sides import Material, read_material, write_bert_base

PARTS = ("speed", "preprocessing", "memory", "length", "entities", "extraction", "corpus")
GPU_PARTS: dict[str, gpu.Part] = {
    "deterministic": gpu_trainings.measure_deterministic,  # before other products of the process
    "package": gpu.measure_package,
    "plain": gpu.measure_plain,
    "prediction": gpu.measure_prediction,
    "extraction": gpu.measure_extraction,
    "memory": gpu_trainings.measure_memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", required=True, help="folder of a pretrained encoder")
    parser.add_argument("--bert-base", action="store_true", help="BERT-base with random weights, this one's tokenizer")
    parser.add_argument("--documents", type=Path, default=Path("data/sample/train.json"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--corpus-documents", type=int, default=100_000, help="size of the file of part `corpus`")
    parser.add_argument("--parts", nargs="+", help=f"{', '.join(PARTS)}; of a GPU {', '.join(GPU_PARTS)}; all of them")
    parser.add_argument("--lengths", nargs="+", type=int, default=memory.LENGTHS["fast"], help="for part `length`")
    parser.add_argument("--entities", nargs="+", type=int, default=memory.ENTITIES, help="for part `entities`")
    parser.add_argument("--against", type=Path, help="another checkout: only compare steps and prediction with its own")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="for --against")
    parser.add_argument("--output", type=Path, help="folder for benchmark.json and benchmark.md")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: a made corpus, random weights")
    parser.add_argument("--size", choices=gpu.SIZES, default="bert-base", help="of the encoder, for --device cuda")
    parser.add_argument("--documents-per-step", type=int, default=4, help="for --device cuda")
    parser.add_argument("--epoch", action="store_true", help="two epochs of 3,053 documents, for --device cuda")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = PARTS if options.device == "cpu" else GPU_PARTS
    options.parts = options.parts or list(known)
    if unknown := set(options.parts) - set(known):
        parser.error(f"--parts {' '.join(unknown)}: with --device {options.device}, they are {', '.join(known)}")
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
        if not torch.cuda.is_available():
            parser.error("--device cuda: PyTorch finds no GPU")
        sys.exit(_measure_gpu(options))
    if not options.bert_base:
        _compare(options, encoder=options.encoder)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_bert_base(Path(folder), tokenizer_folder=options.encoder)
        _compare(options, encoder=folder)


def _measure_gpu(options: argparse.Namespace) -> int:
    """Print what each part finds as soon as it is there, and write it down; return 1 if a part has failed."""
    setting = {"size": options.size, "documents_per_step": options.documents_per_step}
    if options.epoch:
        measured = gpu_trainings.measure_epochs(**setting, tokenizer_folder=options.encoder)
    else:
        parts = {name: GPU_PARTS[name] for name in options.parts}
        measured = gpu.measure_parts(parts, **setting, tokenizer_folder=options.encoder)
    card = torch.cuda.get_device_name()
    heading = {"card": card, "torch": torch.__version__, **setting}
    result: dict[str, gpu.Found] = {}
    for found in measured:
        print(json.dumps(heading | found), flush=True)
        for part, numbers in found.items():
            result[part] = result.get(part, {}) | numbers
        if options.output:
            _write(options.output, heading | result, table=_table(result, beside={"card": card, **setting}))
    return int(any("failed" in numbers for numbers in result.values()))


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
        _write(options.output, result, table=_table(result))
    print(_table(result))


def _write(folder: Path, result: dict[str, Any], *, table: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (folder / "benchmark.md").write_text(table, encoding="utf-8")


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


def _table(result: dict[str, Any], *, beside: dict[str, Any] | None = None) -> str:
    """Return every number as a row of a Markdown table, with columns beside it that are the same in each row."""
    beside = beside or {}
    names = ["measured", "value", *(name.replace("_", " ") for name in beside)]
    rows = [
        [name, value if isinstance(value, str) else f"{value:,.3f}", *map(str, beside.values())]
        for name, value in _flat(result)
    ]
    return (
        "\n".join([f"| {' | '.join(names)} |", f"|{'---|' * len(names)}", *(f"| {' | '.join(row)} |" for row in rows)])
        + "\n"
    )


def _flat(value: Any, name: str = "") -> list[tuple[str, float | str]]:
    """Return the numbers of a nested result, and messages, with the path to each."""
    if isinstance(value, dict):
        items = [(str(key).replace("_", " "), each) for key, each in value.items()]
    elif isinstance(value, list):
        items = [(str(number), each) for number, each in enumerate(value)]
    else:
        return [(name, value if isinstance(value, str) else float(value))]
    return [row for key, each in items for row in _flat(each, f"{name} · {key}" if name else key)]


if __name__ == "__main__":
    main()
