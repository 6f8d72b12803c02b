"""Train on documents of one's own: write a corpus, train, score, and find facts in new text.

The documents are made here, of a few sentences each. So that everything runs offline, training starts from the encoder
of the sample model; for real text, name a pretrained one such as `bert-base-cased` as `encoder.name`, and keep the
default learning rates. Takes about 20 seconds on one core.

    python examples/own_corpus.py runs/own_corpus
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlop import RelationExtractor, check, evaluate, train
from atlop.config_files import load_config

PEOPLE = [f"{first} {last}" for first in ("Ada", "Ben", "Cleo", "Dora", "Emil") for last in ("Berg", "Stone", "Vale")]
COMPANIES = ["Northwind", "Bluebird", "Stonegate", "Redwood", "Clearwater", "Ironbridge"]
CITIES = ["Marlow", "Kelso", "Dunmore", "Ashby", "Thornton", "Selby"]
SENTENCES = {
    "employer": ("{person} works for {company} .", "{company} hired {person} last year ."),
    "headquarters": ("{company} is based in {city} .", "The office of {company} stands in {city} ."),
    None: ("{person} once spent a summer in {city} .", "A rival of {company} left {city} ."),
}
"""Wordings of each relation, and sentences that state none."""
RELATIONS = {"employer": ("person", "company"), "headquarters": ("company", "city")}
"""Subject and object of each relation."""


def make_documents(count: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """Yield documents in the JSON lines format: text, entities with their mentions, and relations between entities."""
    generator = random.Random(seed)
    for number in range(count):
        names = {"person": PEOPLE, "company": COMPANIES, "city": CITIES}
        chosen = {role: generator.choice(candidates) for role, candidates in names.items()}
        stated = generator.sample([*SENTENCES], generator.randint(1, 3))
        text = " ".join(generator.choice(SENTENCES[relation]).format(**chosen) for relation in stated)
        roles = [role for role in chosen if chosen[role] in text]
        yield {
            "title": f"document {number} of seed {seed}",
            "text": text,
            "entities": [{"mentions": find_all(chosen[role], text), "type": role} for role in roles],
            "relations": [
                {"subject": roles.index(subject), "object": roles.index(object_), "relation": relation}
                for relation, (subject, object_) in RELATIONS.items()
                if relation in stated
            ],
        }


def find_all(name: str, text: str) -> list[tuple[int, int]]:
    """Return the characters of each occurrence of a name."""
    return [(start, start + len(name)) for start in range(len(text)) if text.startswith(name, start)]


def write_corpus(path: Path, *, count: int, seed: int) -> None:
    """Write documents, one a line."""
    lines = [json.dumps(document) for document in make_documents(count, seed=seed)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sample_encoder(folder: Path) -> None:
    """Write the encoder of the sample model, with its tokenizer."""
    extractor = RelationExtractor.from_pretrained("sample")
    extractor.model.encoder.save_pretrained(folder)
    extractor.tokenizer.save_pretrained(folder)


def main() -> None:
    """Run everything in one folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where corpus, encoder and run are written")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_corpus(folder / "train.jsonl", count=160, seed=1)
    write_corpus(folder / "dev.jsonl", count=30, seed=2)
    write_sample_encoder(folder / "encoder")
    checked = check(folder / "train.jsonl")
    relations = (checked.statistics or {})["relations"]
    print(f"{checked.problem_count} problems in train; facts of each relation: {relations}")

    config = folder / "own.toml"  # for `atlop train own.toml`, too
    config.write_text(
        f"""
[data]
train = "{folder}/train.jsonl"
dev = "{folder}/dev.jsonl"

[encoder]
name = "{folder}/encoder"

[classifier]                    # as small as the encoder
representation_size = 128
block_size = 16

[optimizer]                     # higher than for a large encoder
encoder_learning_rate = 1e-3
new_layers_learning_rate = 1e-3

[trainer]
epochs = 6
batch_size = 8
""",
        encoding="utf-8",
    )
    train(load_config(str(config)), output=folder / "run", resume=True)
    scores = evaluate(folder / "run", folder / "dev.jsonl").scores
    print(f"dev F1: {scores.f1:.3f}, {scores.correct} of {scores.gold} facts found")

    text = "Northwind is based in Kelso . Dora Vale works for Northwind ."
    print(RelationExtractor.from_pretrained(folder / "run")(text, [[(0, 9), (50, 59)], [(22, 27)], [(30, 39)]]).facts)


if __name__ == "__main__":
    main()
