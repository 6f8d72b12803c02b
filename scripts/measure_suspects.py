r"""Measure what teachers of `atlop suspects` find: facts that a later annotation added, and wrong labels.

`added` trains them on documents with their original labels, and looks at those documents that a revised file has with
the same words and entities: how many of the facts that they assert most firmly has the revision added? The labels of
the revision are seen by nobody; other documents of the original file are dev.

`planted` makes some labels of a corpus wrong, and trains on all: how many of these are among the labels that teachers
doubt most? Half of the wrong labels have another relation, of those that hold between entities of these types in
the corpus, drawn as often as it holds; half have another object, of the same type where there is one.

The result is printed, and written to measured.json in the folder. After a stop, the same command goes on.

Examples:
    OMP_NUM_THREADS=1 python scripts/measure_suspects.py added train_first200.json --revised train_part.json \
      --config redocred_minilm --set trainer.epochs=20 --output runs/added
    OMP_NUM_THREADS=1 python scripts/measure_suspects.py planted train_part.json --dev dev_revised.json \
      --config redocred_minilm --seed 1 --output runs/planted
"""

import argparse
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from atlop.config_files import load_config
from atlop.corpora import read_corpus
from atlop.corpora.formats.docred.writer import write_docred
from atlop.distillation import JudgedCorpus, judge
from atlop.evaluation import rank_facts
from atlop.files import write_json
from atlop.schema import Document, Fact

DEV_DOCUMENTS = 37
"""Original documents that choose the epoch, in `added`."""
RANKS = (100, 500)
"""Asserted facts whose precision is measured."""
SHARES = (0.05, 0.1)
"""Shares of all labels, doubted most, in which wrong ones are looked for."""

Key = tuple[int, int, int, str]
"""Index of the document, subject, object, relation."""


class Wrong(NamedTuple):
    """A label that was made wrong."""

    key: Key
    kind: str
    """What is another one: `relation` or `object`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True, metavar="added|planted")
    added, planted = kinds.add_parser("added"), kinds.add_parser("planted")
    for command, measure in ((added, measure_added), (planted, measure_planted)):
        command.set_defaults(measure=measure)
        command.add_argument("corpus", type=Path, help="labelled documents")
        command.add_argument("--config", required=True, help="configuration of the teachers")
        command.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides")
        command.add_argument("--folds", type=int, default=5)
        command.add_argument("--output", type=Path, required=True, help="folder of documents, teachers and result")
    added.add_argument("--revised", type=Path, required=True, help="the same documents with revised labels")
    planted.add_argument("--dev", type=Path, required=True, help="labelled documents that choose the epoch")
    planted.add_argument("--documents", type=int, help="use so many of the first; by default all")
    planted.add_argument("--share", type=float, default=0.05, help="share of labels that are made wrong")
    planted.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.output.mkdir(parents=True, exist_ok=True)
    measured = options.measure(options)
    write_json(options.output / "measured.json", measured)
    for name, value in measured.items():
        print(f"{name:<52}{value:>10.2%}" if isinstance(value, float) else f"{name:<52}{value:>10,}")


def measure_added(options: argparse.Namespace) -> dict[str, float]:
    """Return the precision of the asserted facts, by the labels of the revision."""
    original, revised = (read_corpus(path).documents for path in (options.corpus, options.revised))
    later_facts = same_documents(original, revised)
    others = [document for index, document in enumerate(original) if index not in later_facts]
    dev = {document.title for document in others[-DEV_DOCUMENTS:]}
    train = [index for index, document in enumerate(original) if document.title not in dev]
    write_docred(options.output / "train.json", documents=[original[index] for index in train])
    write_docred(options.output / "dev.json", documents=others[-DEV_DOCUMENTS:])
    judged = _judged(options, dev=options.output / "dev.json")
    looked_at = (each for each in judged.documents if train[each.index] in later_facts)
    ranked = rank_facts(looked_at, relations=judged.vocabulary.relations, count=max(RANKS))
    is_added = np.array(
        [(each.subject, each.object, each.relation) in later_facts[train[each.document]] for each in ranked.unlabelled]
    )
    return {
        "train documents": len(train),
        "documents looked at": len(later_facts),
        "facts that the revision adds": sum(
            len(later - {fact.key for fact in original[index].facts or ()}) for index, later in later_facts.items()
        ),
        "facts asserted (margin above 0)": ranked.asserted,
        **{f"added among the {rank} most firmly asserted": float(is_added[:rank].mean()) for rank in RANKS},
    }


def measure_planted(options: argparse.Namespace) -> dict[str, float]:
    """Return the recall of the wrong labels among the most doubted ones."""
    documents = read_corpus(options.corpus).documents[: options.documents]
    changed, wrong = plant(documents, share=options.share, seed=options.seed)
    write_docred(options.output / "train.json", documents=changed)
    judged = _judged(options, dev=options.dev)
    labels = sum(len(document.facts or ()) for document in changed)
    ranked = rank_facts(judged.documents, relations=judged.vocabulary.relations, count=1)
    orders = {"doubted": ranked.labelled, "denied by margin alone": sorted(ranked.labelled, key=attrgetter("margin"))}
    counts = Counter(each.kind for each in wrong)
    measured: dict[str, float] = {
        "documents": len(documents),
        "labels": labels,
        "labels denied (margin of at most 0)": sum(each.margin <= 0 for each in ranked.labelled),
        **{f"wrong labels, another {kind}": counts[kind] for kind in sorted(counts)},
    }
    for (name, order), share in product(orders.items(), SHARES):
        first = {(each.document, each.subject, each.object, each.relation) for each in order[: round(share * labels)]}
        found = Counter(each.kind for each in wrong if each.key in first)
        measured[f"found in the {share:.0%} most {name}"] = found.total() / len(wrong)
        for kind in sorted(counts):
            measured[f"  with another {kind}, {share:.0%}, {name}"] = found[kind] / counts[kind]
    return measured


def same_documents(original: Sequence[Document], revised: Sequence[Document]) -> dict[int, set[tuple[int, int, str]]]:
    """Return the facts of the revision of each original document that it has with the same words and entities."""
    by_text = {document.text_digest(): document for document in revised}
    found = {}
    for index, document in enumerate(original):
        later = by_text.get(document.text_digest())
        if later is not None and later.entities == document.entities:
            found[index] = {fact.key for fact in later.facts or ()}
    return found


def plant(documents: Sequence[Document], *, share: float, seed: int) -> tuple[list[Document], list[Wrong]]:
    """Return the documents with this share of their labels replaced by wrong ones, and these."""
    generator = np.random.default_rng(seed)
    frequency: dict[tuple[str, str], Counter[str]] = {}
    for document in documents:
        for fact in document.facts or ():
            frequency.setdefault(_types(document, fact), Counter())[fact.relation] += 1
    facts = [list(document.facts or ()) for document in documents]
    places = [(index, row) for index, own in enumerate(facts) for row in range(len(own))]
    wrong = []
    for place in generator.permutation(len(places))[: round(share * len(places))].tolist():
        index, row = places[place]
        document, fact = documents[index], facts[index][row]
        labelled = {each.key for each in (*(document.facts or ()), *facts[index])}
        choices = {
            "relation": [
                (replace(fact, relation=relation), count)
                for relation, count in sorted(frequency[_types(document, fact)].items())
            ],
            "object": [(replace(fact, object=each), 1) for each in _other_objects(document, fact)],
        }
        for kind in generator.permutation(sorted(choices)).tolist():
            possible = [(each, count) for each, count in choices[kind] if each.key not in labelled]
            if possible:
                weights = np.array([count for _, count in possible])
                chosen, _ = possible[int(generator.choice(len(possible), p=weights / weights.sum()))]
                facts[index][row] = chosen
                wrong.append(Wrong((index, *chosen.key), kind))
                break
    return [replace(document, facts=tuple(own)) for document, own in zip(documents, facts, strict=True)], wrong


def _types(document: Document, fact: Fact) -> tuple[str, str]:
    return document.entities[fact.subject].type, document.entities[fact.object].type


def _other_objects(document: Document, fact: Fact) -> Iterator[int]:
    """Yield the entities that could be the object: those of its type, all others if there is none."""
    others = [index for index in range(len(document.entities)) if index not in (fact.subject, fact.object)]
    same = [index for index in others if document.entities[index].type == document.entities[fact.object].type]
    yield from same or others


def _judged(options: argparse.Namespace, *, dev: Path) -> JudgedCorpus:
    train = options.output / "train.json"
    overrides = [*options.overrides, f"data.train={train}", f"data.dev={dev}"]
    settings: dict[str, Any] = {"folds": options.folds, "show_progress": True}
    return judge(train, config=load_config(options.config, overrides=overrides), teachers=options.output, **settings)


if __name__ == "__main__":
    main()
