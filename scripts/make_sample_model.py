"""Train the model that comes with the package: small, on documents of the sample corpus's invented world.

Its encoder is a BERT of two layers with random weights and a vocabulary of its own. The 240 documents of the corpus are
too few to train it, so the generator makes more with other seeds; dev is the corpus's own.

Example: python scripts/make_sample_model.py --output atlop/sample
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import ujson
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to import `scripts` when run as a file

from atlop import convert, train
from atlop.config_files import load_config
from atlop.model_folder import load_model, save_model
from scripts.make_sample_corpus import make_split

SEEDS = range(1000, 1016)
"""Seeds of the train documents, 240 each."""
VOCABULARY_SIZE = 800
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "*"]
WIDTH = 128
TEXTS = 12
"""Number of texts beside the model."""
CORPUS = Path(__file__).parents[1] / "data" / "sample"
SETTINGS = {
    "optimizer.encoder_learning_rate": 1e-3,
    "optimizer.new_layers_learning_rate": 1e-3,
    "trainer.epochs": 4,
    "trainer.evaluation_interval": 120,
    "trainer.batch_size": 8,
    "trainer.precision": "float32",
    "classifier.representation_size": WIDTH,
    "classifier.block_size": 16,
}


CARD = """---
language: en
library_name: atlop
license: mit
pipeline_tag: text-classification
tags:
- relation-extraction
- document-level-relation-extraction
- atlop
---

# The sample model of atlop

A toy that shows the interface: it knows 12 relations of an invented world, and nothing about ours. A BERT of two layers
with a vocabulary of {vocabulary} tokens, trained from random weights by `scripts/make_sample_model.py` on {documents:,}
generated documents ({seconds:,.0f} seconds). F1 on the sample corpus's dev documents: {f1:.2f} (precision
{precision:.2f}, recall {recall:.2f}; seed {seed}, one run; the epoch was chosen on the same documents).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for the model and the texts, replaced")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents = [document for seed in SEEDS for document in _documents(seed)]
        (folder / "train.json").write_text(ujson.dumps(documents), encoding="utf-8")
        write_encoder(folder / "encoder", sentences=_sentences(CORPUS / "train.json"))
        changed = {"encoder.name": folder / "encoder", "data.train": folder / "train.json", **SETTINGS}
        config = load_config("sample", overrides=[f"{key}={value}" for key, value in changed.items()])
        summary = train(config, output=folder / "run")
        write_model(folder / "run" / "best", summary=summary, to=options.output / "model")
    write_texts(options.output / "texts.jsonl")
    print(f"dev F1 {100 * summary['best']['f1']:.2f}; written to {options.output}")


def _documents(seed: int) -> list[dict[str, Any]]:
    """Return the train documents of a seed, with titles that no other seed has."""
    return [document | {"title": f"{document['title']} {seed}"} for document in make_split("train", seed=seed)]


def _sentences(file: Path) -> Iterator[str]:
    for document in ujson.loads(file.read_text(encoding="utf-8")):
        yield from (" ".join(words) for words in document["sents"])


def write_encoder(folder: Path, *, sentences: Iterable[str]) -> None:
    """Write a BERT with random weights, and a tokenizer whose vocabulary is made from sentences."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY_SIZE, min_frequency=8, special_tokens=SPECIAL_TOKENS, show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    tokenizer.decoder = decoders.WordPiece()
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", model_max_length=512, **names)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=4 * WIDTH,
        pad_token_id=fast.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)


def write_model(best: Path, *, summary: Mapping[str, Any], to: Path) -> None:
    """Write the best model of a run with a card of its own, and without the folder of its encoder."""
    model, tokenizer = load_model(best)
    assert model.config.encoder is not None
    model.config.encoder.pop("_name_or_path", None)
    save_model(to, model=model, tokenizer=tokenizer)
    scores = {name: 100 * summary["best"][name] for name in ("f1", "precision", "recall")}
    documents = summary["train"]["documents"]
    card = CARD.format(vocabulary=VOCABULARY_SIZE, documents=documents, seconds=summary["seconds"], seed=66, **scores)
    (to / "README.md").write_text(card, encoding="utf-8")


def write_texts(file: Path) -> None:
    """Write some of the corpus's test documents as plain texts with entities."""
    convert(CORPUS / "test.json", file, to="jsonl")
    lines = [ujson.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[:TEXTS]]
    texts = [{key: line[key] for key in ("title", "text", "entities")} for line in lines]
    file.write_text("".join(ujson.dumps(text) + "\n" for text in texts), encoding="utf-8")


if __name__ == "__main__":
    main()
