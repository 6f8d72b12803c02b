r"""Compare documents that a model selects with random ones, as if someone who knows all facts labelled them.

For each seed, both ways begin with the same random documents. A model is trained on what is labelled, and then as many
documents more are labelled as the next size needs: those that `atlop select` chooses with this model, or random ones.
Repeat the command to go on after a stop.

Example:
    python scripts/simulate_selection.py data/redocred/train_revised.json data/redocred/dev_revised.json runs/selection
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from atlop.config_files import load_config
from atlop.corpora import find_writer, read_labelled
from atlop.files import file_sha256, read_json, write_json
from atlop.schema import Document
from atlop.selection import select_documents
from atlop.training import train

WAYS = ("random", "selected")


@dataclass(frozen=True)
class Simulation:
    """The documents that can be labelled, and how models are trained on them."""

    documents: Sequence[Document]
    dev: Path
    folder: Path
    config: str
    overrides: Sequence[str]

    def score(self, rows: Sequence[int], *, name: str, seed: int) -> float:
        """Train on some documents, unless that is done, and return dev F1 after the last step."""
        path = self.folder / f"{name}.jsonl"
        find_writer(path, format="jsonl")(path, documents=[self.documents[row] for row in rows])
        once = "trainer.evaluation_interval=1000000"  # at the end: dev chooses nothing
        values = [once, *self.overrides, f"data.train={path}", f"data.dev={self.dev}", f"trainer.seed={seed}"]
        summary = train(load_config(self.config, overrides=values), output=self.run(name), resume=True)
        return float(summary["last"]["f1"] or 0.0)

    def selected(self, rows: Sequence[int], *, name: str, size: int) -> list[int]:
        """Return some rows, and those that the model trained on them chooses among the others up to a size."""
        others = sorted(set(range(len(self.documents))).difference(rows))
        pool = [self.documents[row] for row in others]
        chosen = select_documents(self.run(name), pool, count=size - len(rows))
        return [*rows, *(others[each.index] for each in chosen)]

    def run(self, name: str) -> Path:
        """Return the folder of a run."""
        return self.folder / "runs" / name

    def labelled(self, way: str, *, sizes: Sequence[int], seed: int) -> dict[int, tuple[float, int]]:
        """Return F1 and the number of labelled facts at each size, of one way and seed."""
        order = np.random.default_rng(seed).permutation(len(self.documents)).tolist()
        rows, name, found = order[: sizes[0]], f"first-{seed}", {}
        found[sizes[0]] = self.score(rows, name=name, seed=seed), self._facts(rows)
        for _, size in pairwise(sizes):
            chosen = self.folder / f"{way}-{seed}-{size}.rows.json"
            if not chosen.exists():
                write_json(chosen, order[:size] if way == "random" else self.selected(rows, name=name, size=size))
            rows, name = read_json(chosen), chosen.name.removesuffix(".rows.json")
            found[size] = self.score(rows, name=name, seed=seed), self._facts(rows)
        return found

    def _facts(self, rows: Sequence[int]) -> int:
        return sum(len(self.documents[row].facts or ()) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="labelled documents to choose from")
    parser.add_argument("dev", type=Path, help="labelled documents to score")
    parser.add_argument("output", type=Path, help="folder of the runs and the labelled documents")
    parser.add_argument("--config", default="small")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 40, 80, 160])
    parser.add_argument("--seeds", type=int, nargs="+", default=[66, 67, 68, 69, 70])
    options = parser.parse_args()
    documents = read_labelled(options.train).documents
    if options.sizes != sorted(set(options.sizes)) or options.sizes[-1] > len(documents):
        parser.error(
            f"--sizes: expected ascending numbers, of at most the {len(documents):,} documents of {options.train}"
        )
    options.output.mkdir(parents=True, exist_ok=True)
    refuse_another_simulation(options)
    simulation = Simulation(documents, options.dev, options.output, options.config, options.overrides)
    results: dict[str, list[dict[int, tuple[float, int]]]] = {way: [] for way in WAYS}
    for seed in options.seeds:
        for way in WAYS:
            results[way].append(simulation.labelled(way, sizes=options.sizes, seed=seed))
        print(f"\n{_table(results, sizes=options.sizes)}", flush=True)


def refuse_another_simulation(options: argparse.Namespace) -> None:
    """Record what a folder's labelled documents follow from, or end if its record differs."""
    record = options.output / "simulation.json"
    files = {f"documents of {name}": file_sha256(getattr(options, name)) for name in ("train", "dev")}
    own = {**files, "config": options.config, "set": options.overrides, "sizes": options.sizes}
    if not record.exists():
        write_json(record, own)
    recorded = read_json(record)
    if changed := [key for key, value in own.items() if recorded.get(key) != value]:
        sys.exit(f"{options.output}: was begun with other {', '.join(changed)}; give the same, or another folder")


def _table(results: dict[str, list[dict[int, tuple[float, int]]]], *, sizes: Sequence[int]) -> str:
    """Return mean F1 ± standard deviation over seeds, and mean numbers of labelled facts, in Markdown."""
    lines = [
        "| documents | random | selected | difference | facts, random | facts, selected |",
        "|---|---|---|---|---|---|",
    ]
    for size in sizes:
        random, selected = ([100 * each[size][0] for each in results[way]] for way in WAYS)
        differences = [second - first for first, second in zip(random, selected, strict=True)]
        facts = [f"{mean(each[size][1] for each in results[way]):,.0f}" for way in WAYS]
        cells = [f"{size:,}", _mean(random), _mean(selected), _mean(differences), *facts]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> str:
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
