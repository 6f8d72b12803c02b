r"""Measure relations that a model knows by their words alone: train without some, add them, and score these on dev.

They are drawn from those with enough facts in dev. Their facts are taken out of the train documents, whose pairs are
then taught to have no such relation. What decides is TH, or a threshold of each relation that was chosen on the first
half of dev; both are scored on the second half. Beside them stand the same model with the words of these relations
exchanged, and the F1 of as many facts guessed at random. One line has the F1 of the trained relations on all of dev.

Example:
    python scripts/unseen_relations.py redocred_minilm unseen --held-out 10 \
      --set data.train=train_part.json --set data.dev=dev_revised.json --set data.relation_names=rel_info.json
"""

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlop.config_files import load_config
from atlop.corpora import find_writer, read_corpus, read_names
from atlop.files import read_json, write_json
from atlop.schema import Document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="configuration of the training, with data.relation_names")
    parser.add_argument("folder", type=Path, help="new folder for corpora, run and models")
    parser.add_argument("--held-out", type=int, default=10, help="relations to train without")
    parser.add_argument("--facts", type=int, default=20, help="fewest facts of such a relation in each half of dev")
    parser.add_argument("--seed", type=int, default=66, help="of the draw of the relations")
    parser.add_argument("--set", action="append", default=[], help="as of `atlop train`")
    options = parser.parse_args()
    data = load_config(options.config, overrides=options.set).data
    words = _words(data.relation_names)
    train, dev = (read_corpus(path, format=data.format).documents for path in (data.train, data.dev))
    halves = dev[: len(dev) // 2], dev[len(dev) // 2 :]
    counts = [Counter(fact.relation for document in half for fact in document.facts or ()) for half in halves]
    enough = sorted(name for name in words if min(count[name] for count in counts) >= options.facts)
    held_out = sorted(random.Random(options.seed).sample(enough, options.held_out))
    folder: Path = options.folder
    folder.mkdir(parents=True)
    nexts = dict(zip(held_out, (*held_out[1:], held_out[0]), strict=True))
    names = {"own": folder / "rel_info.json", "exchanged": folder / "exchanged_rel_info.json"}
    write_json(names["own"], words)
    write_json(names["exchanged"], {name: words[nexts.get(name, name)] for name in words})
    files = {
        "train": _written(folder / "train.jsonl", train, keep=lambda relation: relation not in held_out),
        "dev": _written(folder / "dev.jsonl", dev, keep=lambda relation: relation not in held_out),
        "first": _written(folder / "first_half.jsonl", halves[0]),
        "second": _written(folder / "second_half.jsonl", halves[1]),
    }
    known = sorted({fact.relation for document in train for fact in document.facts or ()} - {*held_out})
    write_json(folder / "rel2id.json", {relation: number for number, relation in enumerate(known, start=1)})
    changes = {
        "classifier.kind": "labels",
        "data.train": files["train"],
        "data.dev": files["dev"],
        "data.format": "jsonl",
        "data.relations": folder / "rel2id.json",
        "data.relation_names": names["own"],
    }
    settings = [*options.set, *(f"{key}={value}" for key, value in changes.items())]
    _atlop(
        "train", options.config, *(word for each in settings for word in ("--set", each)), "--output", folder / "run"
    )
    best = read_json(folder / "run" / "summary.json")["best"]["f1"]
    pairs = sum(len(each.entities) * (len(each.entities) - 1) for each in halves[1])
    print(f"trained: {len(known)} relations, F1 {100 * best:.2f}; held out: {', '.join(held_out)}")
    print(f"scored: {len(halves[1])} documents with {pairs:,} pairs\n")
    print("| words | decision | correct | predicted | gold | precision | recall | F1 | F1 of a guess |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, file in names.items():
        model, thresholds = folder / kind, folder / f"{kind}.thresholds.json"
        _atlop("relations", "add", folder / "run", *held_out, "--relation-names", file, "--output", model)
        _atlop("calibrate", model, files["first"], "--decision", "per_class", "--output", thresholds)
        for label, decision in (("TH", "plain"), ("threshold of each relation", thresholds)):
            result = _atlop("evaluate", model, files["second"], "--decision", decision, "--json")
            cells = _cells(json.loads(result)["detailed"]["relations"], held_out, pairs=pairs)
            print(f"| {kind} | {label} | {' | '.join(cells)} |", flush=True)


def _words(file: Path | None) -> dict[str, dict[str, str]]:
    """Return name and description of each relation in a `rel_info.json`."""
    if file is None:
        raise SystemExit("data.relation_names is not set, and ids say little: give --set data.relation_names=FILE")
    words: dict[str, dict[str, str]] = {}
    for key, texts in zip(("name", "description"), read_names(file), strict=True):
        for relation, text in texts.items():
            words.setdefault(relation, {})[key] = text
    return words


def _written(path: Path, documents: Sequence[Document], *, keep: Callable[[str], bool] = lambda _: True) -> Path:
    """Write documents with some of their facts."""
    kept = (
        replace(document, facts=tuple(fact for fact in document.facts or () if keep(fact.relation)))
        for document in documents
    )
    find_writer(path, format="jsonl")(path, documents=kept)
    return path


def _atlop(*arguments: object) -> str:
    """Run a command; return what it prints."""
    command = [sys.executable, "-m", "atlop", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _cells(relations: dict[str, dict[str, Any]], held_out: Sequence[str], *, pairs: int) -> list[str]:
    """Return counts and scores of some relations together, and the expected F1 of as many facts of random pairs."""
    rows = [relations[relation] for relation in held_out if relation in relations]
    correct, submitted, gold = (sum(row[key] for row in rows) for key in ("correct", "submitted", "gold"))
    expected = sum(row["submitted"] * row["gold"] / pairs for row in rows)
    shares = [correct / max(submitted, 1), correct / max(gold, 1), 2 * correct / (submitted + gold)]
    shares.append(2 * expected / (submitted + gold))
    return [*(f"{count:,}" for count in (correct, submitted, gold)), *(f"{100 * share:.2f}" for share in shares)]


if __name__ == "__main__":
    main()
