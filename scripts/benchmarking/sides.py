"""The two sides of every comparison: the package, and the plain form of `tests/reference.py`, with equal weights."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel, BertConfig, PreTrainedTokenizerBase

from atlop.config import ClassifierConfig, EncodingConfig, ObjectiveConfig
from atlop.corpora import read_corpus, read_vocabulary, relations_of
from atlop.model import AtlopModel
from atlop.model_folder import document_encoder, new_model
from atlop.objectives import objective_named
from atlop.prediction import DecisionRule, DocumentScores
from atlop.preprocessing import Features, SpecialPieces, collate, load_tokenizer
from atlop.schema import THRESHOLD_CLASS, Document, RelationVocabulary
from tests import reference

BERT_BASE = "bert-base"
"""Instead of a folder: an encoder of BERT-base's size with random weights."""


@dataclass(frozen=True)
class Phases:
    """Seconds of one update."""

    forward: float
    backward: float
    optimizer: float

    @property
    def total(self) -> float:
        """Seconds of the whole update."""
        return self.forward + self.backward + self.optimizer


@dataclass(frozen=True)
class Material:
    """Documents for both sides."""

    documents: tuple[Document, ...]
    raw: list[dict[str, Any]]
    vocabulary: RelationVocabulary
    encoder: str
    """Folder, or `BERT_BASE`."""
    tokenizer_folder: str
    """Where the tokenizer lies."""
    max_length: int = 1024


def read_material(file: Path, *, encoder: str, tokenizer_folder: str, most: int) -> Material:
    """Read the first labelled documents of a file in DocRED's layout; relations are those of the whole file."""
    documents = read_corpus(file).documents
    return Material(
        documents=documents[:most],
        raw=json.loads(file.read_text(encoding="utf-8"))[:most],
        vocabulary=read_vocabulary(None, relations=(use.relation for use in relations_of(documents))),
        encoder=encoder,
        tokenizer_folder=tokenizer_folder,
    )


def make_model(material: Material) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Return a new model of the published sizes on the material's encoder, which like a trained one finds few facts."""
    model, tokenizer = _untrained_model(material)
    with torch.no_grad():
        model.classifier.bilinear.bias[THRESHOLD_CLASS] += 3
    return model, tokenizer


def _untrained_model(material: Material) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    sizes: dict[str, Any] = {
        "vocabulary": material.vocabulary,
        "encoding": EncodingConfig(max_length=material.max_length),
        "classifier": ClassifierConfig(),
        "objective": ObjectiveConfig(),
    }
    torch.manual_seed(66)
    if material.encoder != BERT_BASE:
        return new_model(material.encoder, **sizes)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = load_tokenizer(material.tokenizer_folder)
        BertConfig(vocab_size=len(tokenizer)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return new_model(folder, **sizes, pretrained=False)


class Fast:
    """The package."""

    def __init__(self, material: Material, *, dtype: torch.dtype = torch.float32):
        self.model, tokenizer = make_model(material)
        self.encoded: list[Features] = list(document_encoder(self.model, tokenizer).encode(material.documents))
        self._autocast = dtype != torch.float32
        self._dtype = dtype
        self._objective = objective_named(self.model.config.objective)
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6, eps=1e-6, weight_decay=0, fused=True)

    def scores(self, rows: list[int]) -> Tensor:
        """Score documents, `[pairs, classes]`."""
        batch = collate([self.encoded[row] for row in rows], padding=self.model.padding)
        with torch.autocast("cpu", dtype=self._dtype, enabled=self._autocast):
            scores: Tensor = self.model(batch).scores
        return scores

    def update(self, rows: list[int]) -> Phases:
        """Train on documents."""
        self.model.train()
        started = perf_counter()
        batch = collate([self.encoded[row] for row in rows], padding=self.model.padding)
        with torch.autocast("cpu", dtype=self._dtype, enabled=self._autocast):
            outputs = self.model(batch)
        loss = self._objective(outputs, batch)
        return _finish(loss.sum / loss.count, self._optimizer, started=started)

    def predict(self, rows: list[int]) -> float:
        """Score documents; return seconds."""
        self.model.eval()
        rule = DecisionRule.of(self.model, calibration=None)
        started = perf_counter()
        with torch.inference_mode():
            scores = self.scores(rows)
            documents = [self.encoded[row] for row in rows]
            for document, of_document in zip(
                documents, scores.split([len(each.pairs) for each in documents]), strict=True
            ):
                rule.facts(DocumentScores(document.index, document.pairs, of_document))
        return perf_counter() - started


class Plain:
    """The plain form."""

    def __init__(self, material: Material):
        twin, tokenizer = make_model(material)
        special = SpecialPieces.of(tokenizer)
        config = twin.config.encoder_config()
        encoder = AutoModel.from_config(config, attn_implementation="eager", trust_remote_code=False)
        self.model = reference.PlainAtlop(
            encoder,
            classes=material.vocabulary.classes,
            start_pieces=special.start,
            end_pieces=twin.config.window_end or (),
        )
        encoder.load_state_dict(twin.encoder.state_dict(), strict=False)  # all but the pooler, which is not used
        encoder.pooler.requires_grad_(False)
        layers = twin.classifier
        self.model.head_extractor.load_state_dict(layers.subject_projection.state_dict())
        self.model.tail_extractor.load_state_dict(layers.object_projection.state_dict())
        self.model.bilinear.load_state_dict(layers.bilinear.state_dict())
        classes = {relation: number for number, relation in enumerate(material.vocabulary.relations, start=1)}
        self._features = [
            reference.features(document, tokenizer, material.max_length, classes) for document in material.raw
        ]
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(trained, lr=1e-6, eps=1e-6, weight_decay=0)

    def scores(self, rows: list[int]) -> Tensor:
        """Score documents, `[pairs, classes]`."""
        scores: Tensor = self.model([self._features[row] for row in rows])[0]
        return scores

    def update(self, rows: list[int]) -> Phases:
        """Train on documents."""
        self.model.train()
        started = perf_counter()
        scores = self.scores(rows)
        labels = torch.cat([reference.dense_labels(self._features[row], scores.shape[1]) for row in rows])
        return _finish(reference.adaptive_thresholding_loss(scores, labels), self._optimizer, started=started)

    def predict(self, rows: list[int]) -> float:
        """Score documents; return seconds."""
        self.model.eval()
        started = perf_counter()
        with torch.inference_mode():
            reference.decide(self.scores(rows), 4)
        return perf_counter() - started

    def operations(self, rows: list[int]) -> int:
        """Count the floating-point operations of an update's matrix products, document by document: no padding."""
        total = 0
        for row in rows:
            with FlopCounterMode(display=False) as counter:
                self.scores([row]).sum().backward()
            total += counter.get_total_flops()
        self.model.zero_grad()
        return total


def _finish(loss: Tensor, optimizer: torch.optim.Optimizer, *, started: float) -> Phases:
    """Run backward and optimizer, and let go of the gradients, as training does."""
    after_forward = perf_counter()
    loss.backward()
    after_backward = perf_counter()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return Phases(after_forward - started, after_backward - after_forward, perf_counter() - after_backward)
