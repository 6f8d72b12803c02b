r"""Measure whether the memory of a training grows with its unlabelled documents; Unix only.

Trainings of equally many steps are given few and many unlabelled documents. These and the labelled ones are copies of
the train document of median length, each with a last sentence of its own, so that no draw has a larger batch than
another. Before each training, a dry run lets the teachers score them, as the first training with them would. Both are
processes of their own, and their peak is the largest resident size that the system has counted.

Margins above the floor are stored, and an untrained teacher has no others: tens of gigabytes for 100,000 documents.

Example:
    OMP_NUM_THREADS=1 python scripts/unlabelled_memory.py redocred_minilm --set encoder.name=bert2 \
      --set 'distillation.teachers=["runs/teacher"]' --output runs/memory
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from atlop.config import TrainerConfig
from atlop.config_files import load_config
from atlop.corpora import find_writer, read_corpus, read_vocabulary, relation_counts
from atlop.files import write_json
from atlop.schema import THRESHOLD_CLASS, Document

TRAIN, DEV = 40, 20
"""Labelled documents of each training, and those that it is scored on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="configuration of the training, with distillation.teachers")
    parser.add_argument("--documents", nargs="+", type=int, default=[1_000, 100_000], help="of each training")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--set", action="append", default=[], help="as of `atlop train`")
    parser.add_argument("--output", type=Path, required=True, help="new folder for documents, margins and runs")
    options = parser.parse_args()
    config, folder = load_config(options.config, overrides=options.set), options.output
    folder.mkdir(parents=True)
    os.environ["ATLOP_CACHE"] = str(folder / "cache")
    train, dev = (
        read_corpus(path, format=config.data.format).documents for path in (config.data.train, config.data.dev)
    )
    vocabulary = read_vocabulary(config.data.relations, relations=(use.relation for use in relation_counts(train)))
    ids = {relation: number for number, relation in enumerate(vocabulary.relations, start=THRESHOLD_CLASS + 1)}
    write_json(folder / "rel2id.json", ids)
    write = find_writer(folder / "train.jsonl", format="jsonl")
    document = sorted(train, key=lambda document: document.words)[len(train) // 2]
    write(folder / "train.jsonl", documents=repeated(document, count=TRAIN))
    write(folder / "dev.jsonl", documents=dev[:DEV])
    print("| unlabelled documents | peak while they are scored, MB | peak of the training, MB |")
    print("|---|---|---|")
    peaks = []
    for count in options.documents:
        write(folder / f"{count}.jsonl", documents=repeated(replace(document, facts=None), count=count))
        changes = {
            "data.train": folder / "train.jsonl",
            "data.dev": folder / "dev.jsonl",
            "data.format": "jsonl",
            "data.relations": folder / "rel2id.json",
            "distillation.unlabelled": folder / f"{count}.jsonl",
            "distillation.unlabelled_share": share(config.trainer, steps=options.steps, further=count),
            "trainer.epochs": 1,
            "trainer.min_steps": options.steps,
            "trainer.evaluation_interval": options.steps,
        }
        settings = [*options.set, *(f"{key}={value}" for key, value in changes.items())]
        command = ["train", options.config, *(word for each in settings for word in ("--set", each))]
        peaks.append((_peak(*command, "--dry-run"), _peak(*command, "--output", str(folder / f"run_{count}"))))
        print(f"| {count:,} | {' | '.join(f'{peak / 1e6:,.0f}' for peak in peaks[-1])} |", flush=True)
    ratios = (f"{last / first:.3f}" for first, last in zip(peaks[0], peaks[-1], strict=True))
    print(f"| last over first | {' | '.join(ratios)} |")


def repeated(document: Document, *, count: int) -> Iterator[Document]:
    """Yield a document so many times, each time with a title and a last sentence of its own."""
    for number in range(count):
        sentences = (*document.sentences, tuple(f"{number:06}"))  # digits are a token each, and so as long in all
        yield replace(document, title=f"copy {number}", sentences=sentences, text=None, offsets=None)


def share(trainer: TrainerConfig, *, steps: int, further: int) -> float:
    """Return the share of further documents with which an epoch has so many steps; 1 if there are too few."""
    return min(1, (steps * trainer.batch_size * trainer.gradient_accumulation - TRAIN) / further)


def _peak(*arguments: str) -> int:
    """Run a command; return the peak of its memory in bytes."""
    process = subprocess.Popen([sys.executable, "-m", "atlop", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)  # it has said why
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
