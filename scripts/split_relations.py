r"""Divide the relations and the documents of a corpus into a source and a target, to measure transfer to new relations.

`source.json` and `source_dev.json` have the facts of one half of the relations, `target.json` and `target_dev.json`
those of the other. Train documents are in one of the two; dev documents are in both.

Example:
    python scripts/split_relations.py data/redocred/train_revised.json data/redocred/dev_revised.json data/halves \
      --source-documents 492
"""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from atlop.corpora import find_writer, read_labelled
from atlop.schema import Document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="labelled documents")
    parser.add_argument("dev", type=Path, help="labelled documents, of the same relations")
    parser.add_argument("output", type=Path, help="folder of the four files, which are replaced")
    parser.add_argument("--source-documents", type=int, help="train documents of the source; by default half of them")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    train, dev = (read_labelled(path).documents for path in (options.train, options.dev))
    if not all(document.directed and document.pairs is None for document in (*train, *dev)):
        parser.error("the files are written in DocRED's format, which cannot say undirected or which pairs are listed")
    first = len(train) // 2 if options.source_documents is None else options.source_documents
    if not 0 < first < len(train):
        parser.error(
            f"--source-documents: expected from 1 to {len(train) - 1:,}, as {options.train} has {len(train):,}"
        )
    generator = np.random.default_rng(options.seed)
    relations = generator.permutation(sorted({fact.relation for document in train for fact in document.facts or ()}))
    order = generator.permutation(len(train))
    halves = set(relations[: len(relations) // 2].tolist()), set(relations[len(relations) // 2 :].tolist())
    options.output.mkdir(parents=True, exist_ok=True)
    for name, rows, half in (("source", order[:first], halves[0]), ("target", order[first:], halves[1])):
        for suffix, documents in (("", [train[row] for row in sorted(rows)]), ("_dev", dev)):
            path = options.output / f"{name}{suffix}.json"
            kept = [_with_relations(document, half) for document in documents]
            find_writer(path, format="docred")(path, documents=kept)
            facts = sum(len(document.facts or ()) for document in kept)
            print(f"{path}: {len(kept):,} documents, {facts:,} facts of {_count(kept)} relations")


def _with_relations(document: Document, relations: set[str]) -> Document:
    """Return a document with its facts of some relations alone."""
    return replace(document, facts=tuple(fact for fact in document.facts or () if fact.relation in relations))


def _count(documents: Iterable[Document]) -> int:
    return len({fact.relation for document in documents for fact in document.facts or ()})


if __name__ == "__main__":
    main()
