"""Write the sample corpus: small documents about an invented world, in the format of DocRED.

The same seed gives the same files, byte for byte: `python scripts/make_sample_corpus.py --output data/sample`.
"""

import argparse
import random
import sys
from pathlib import Path
from typing import Any

import ujson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to import `scripts` when run as a file

from atlop.files import write_text
from scripts.sample_corpus.composition import Ledger, compose
from scripts.sample_corpus.names import Split
from scripts.sample_corpus.wordings import RELATION_NAMES

DOCUMENTS: dict[Split, int] = {"train": 240, "dev": 60, "test": 60}


def make_split(split: Split, *, seed: int) -> list[dict[str, Any]]:
    """Return the documents of a split, with labels."""
    random_source = random.Random(f"{seed} {split}")
    ledger = Ledger()
    return [compose(split, random_source=random_source, ledger=ledger) for _ in range(DOCUMENTS[split])]


def make_corpus(*, seed: int) -> dict[str, str]:
    """Return the text of every file of the corpus by its name; `test.json` has no labels."""
    files = {}
    for split in DOCUMENTS:
        documents = make_split(split, seed=seed)
        if split == "test":
            documents = [{key: document[key] for key in document if key != "labels"} for document in documents]
        files[f"{split}.json"] = "[\n" + ",\n".join(map(ujson.dumps, documents)) + "\n]\n"
    class_ids = {"Na": 0, **{relation: class_id for class_id, relation in enumerate(RELATION_NAMES, start=1)}}
    files["rel_info.json"] = ujson.dumps(RELATION_NAMES, indent=2) + "\n"
    files["rel2id.json"] = ujson.dumps(class_ids, indent=2) + "\n"
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the sample corpus.")
    parser.add_argument("--output", type=Path, default=Path("data/sample"), help="folder to write into")
    parser.add_argument("--seed", type=int, default=66, help="random seed")
    arguments = parser.parse_args()
    for name, text in make_corpus(seed=arguments.seed).items():
        write_text(arguments.output / name, text)


if __name__ == "__main__":
    main()
