"""A made corpus of the shape of DocRED's, for machines that have no corpus: the words and facts mean nothing."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

RELATIONS = 96
WORDS, SENTENCES, ENTITIES, MENTIONS, FACTS = 198, 8, 19.5, 26.2, 12.5
"""Means of a document of DocRED's train file."""


def write_made_corpus(folder: Path, *, documents: int, tokenizer: PreTrainedTokenizerBase) -> tuple[Path, Path]:
    """Write documents in DocRED's format and the ids of their relations; return both paths."""
    random = np.random.default_rng(0)
    words = sorted(word for word in tokenizer.get_vocab() if word.isalpha())
    rows = [_document(number, words=words, random=random) for number in range(documents)]
    file, relations = folder / "documents.json", folder / "rel2id.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    names = ["Na", *(f"P{number}" for number in range(1, RELATIONS + 1))]
    relations.write_text(json.dumps({name: number for number, name in enumerate(names)}), encoding="utf-8")
    return file, relations


def _document(number: int, *, words: list[str], random: np.random.Generator) -> dict[str, Any]:
    length = int(np.clip(random.gamma(9, WORDS / 9), 40, 600))
    bounds = np.linspace(0, length, max(2, int(random.poisson(SENTENCES))) + 1).astype(int)
    text = random.choice(words, length)
    sentences = [text[first:stop].tolist() for first, stop in pairwise(bounds)]
    entities: list[list[dict[str, Any]]] = [[] for _ in range(max(2, int(random.poisson(ENTITIES))))]
    for mention in range(max(len(entities), int(random.poisson(MENTIONS)))):
        entity = mention if mention < len(entities) else int(random.integers(len(entities)))
        sentence = int(random.integers(len(sentences)))
        start = int(random.integers(len(sentences[sentence])))
        stop = min(start + int(random.integers(1, 3)), len(sentences[sentence]))
        name = " ".join(sentences[sentence][start:stop])
        entities[entity].append({"name": name, "sent_id": sentence, "pos": [start, stop], "type": "MISC"})
    facts = {
        (*random.permutation(len(entities))[:2].tolist(), int(random.integers(RELATIONS)) + 1)
        for _ in range(int(random.poisson(FACTS)))
    }
    labels = [{"h": h, "t": t, "r": f"P{relation}", "evidence": []} for h, t, relation in sorted(facts)]
    return {"title": f"Document {number}", "sents": sentences, "vertexSet": entities, "labels": labels}
