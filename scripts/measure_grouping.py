"""Score the rules that group mentions into entities against gold entities, with gold mentions: pairwise and B³ F1.

Example: python scripts/measure_grouping.py data/redocred/dev_revised.json data/cdr/CDR_DevelopmentSet.PubTator.txt
"""

import argparse
from pathlib import Path

from atlop.corpora import read_corpus
from atlop.corpora.text.entity_grouping import RULES, NamedMention, Rule, group_mentions
from atlop.end_to_end import with_text
from atlop.evaluation import b_cubed_scores, pairwise_scores
from atlop.schema import Document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="documents with gold entities")
    for file in parser.parse_args().files:
        documents = list(map(with_text, read_corpus(file).documents))
        print(f"{file}: {len(documents):,} documents")
        print(f"{'rules':<28}{'pairwise F1':>14}{'precision':>12}{'recall':>12}{'B³ F1':>12}")
        for label, rules in variants().items():
            grouped = [_labels(document, rules=rules) for document in documents]
            pairs, cubed = pairwise_scores(grouped), b_cubed_scores(grouped)
            shares = (pairs.f1, pairs.precision, pairs.recall, cubed.f1)
            print(f"{label:<28}{100 * shares[0]:>14.2f}" + "".join(f"{100 * share:>12.2f}" for share in shares[1:]))


def variants() -> dict[str, tuple[Rule, ...]]:
    """Return no rules, the rules one after the other added, and all of them."""
    names = [rule.__name__.replace("_", " ") for rule in RULES]
    return {"none": (), **{f"+ {name}": RULES[: number + 1] for number, name in enumerate(names)}}


def _labels(document: Document, *, rules: tuple[Rule, ...]) -> tuple[list[int], list[int]]:
    """Return the predicted and the gold entity of each mention; identifiers stay hidden."""
    assert document.text is not None
    gold = [number for number, entity in enumerate(document.entities) for _ in entity.mentions]
    mentions = [mention for entity in document.entities for mention in entity.mentions]
    named = [NamedMention(mention.spans, mention.type) for mention in mentions]
    return group_mentions(named, text=document.text, rules=rules), gold


if __name__ == "__main__":
    main()
