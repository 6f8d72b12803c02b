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
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerBase

from atlop.config import (
    DataConfig,
    EncoderConfig,
    ModelConfig,
    OptimizerConfig,
    Precision,
    PreprocessingConfig,
    RunConfig,
    TrainerConfig,
)
from atlop.corpora import read_corpus, read_vocabulary, relation_counts
from atlop.decoding import PLAIN
from atlop.model import AtlopModel, PairOutputs
from atlop.model_folder import load_encoder, new_model
from atlop.prediction import score_batches
from atlop.preprocessing import Batch, Features, SpecialTokens, load_tokenizer
from atlop.schema import THRESHOLD_CLASS, Document, RelationVocabulary
from atlop.scores import DecisionRule
from atlop.training import build_training
from tests import reference


@dataclass(frozen=True)
class Material:
    """Documents for both sides."""

    documents: tuple[Document, ...]
    raw: list[dict[str, Any]]
    vocabulary: RelationVocabulary
    encoder: str
    """Folder."""
    max_length: int = 1024


def read_material(file: Path, *, encoder: str, most: int) -> Material:
    """Read the first labelled documents of a file in DocRED's format; relations are those of the whole file."""
    documents = read_corpus(file).documents
    return Material(
        documents=documents[:most],
        raw=json.loads(file.read_text(encoding="utf-8"))[:most],
        vocabulary=read_vocabulary(None, relations=(use.relation for use in relation_counts(documents))),
        encoder=encoder,
    )


def write_bert_base(folder: Path, *, tokenizer_folder: str) -> None:
    """Write an encoder of BERT-base's size with random weights, and the tokenizer of another folder."""
    tokenizer = load_tokenizer(tokenizer_folder)
    torch.manual_seed(66)
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_model(material: Material) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Return a new model of the published sizes on the material's encoder, which like a trained one finds few facts."""
    torch.manual_seed(66)
    model_config = ModelConfig(preprocessing=PreprocessingConfig(max_length=material.max_length))
    encoder = load_encoder(material.encoder, model_config=model_config)
    return _finds_few(new_model(encoder, vocabulary=material.vocabulary)), encoder.tokenizer


def _finds_few(model: AtlopModel) -> AtlopModel:
    with torch.no_grad():
        model.classifier.bilinear.bias[THRESHOLD_CLASS] += 3
    return model


class Fast:
    """The package: a training as `atlop train` builds it, which takes one step at a time."""

    def __init__(
        self,
        material: Material,
        *,
        precision: Precision = "float32",
        deterministic: bool = False,
        gradient_checkpointing: bool = False,
    ):
        trainer = TrainerConfig(batch_size=1, precision=precision, deterministic=deterministic)
        encoder = EncoderConfig(name=material.encoder, gradient_checkpointing=gradient_checkpointing)
        with tempfile.TemporaryDirectory() as folder:
            self.training = build_training(_run_config(material, Path(folder), trainer=trainer, encoder=encoder))
            self.documents: list[Features] = list(self.training.data.train.documents)
        self.model = _finds_few(self.training.state.model)

    def scores(self, rows: list[int]) -> Tensor:
        """Score documents, `[pairs, classes]`."""
        with self.training.accelerator.autocast():
            outputs: PairOutputs = self.model(self.batch(rows).to(self.training.accelerator.device))
        return outputs.scores

    def step(self, rows: list[int]) -> float:
        """Train on documents; return seconds."""
        started = perf_counter()
        self.training.step([self.batch(rows)])
        return perf_counter() - started

    def predict(self, rows: list[int]) -> float:
        """Find the facts of documents; return seconds."""
        rule = DecisionRule.from_model(self.model, decision=PLAIN)
        documents = [self.documents[row] for row in rows]
        started = perf_counter()
        for scored in score_batches(self.model, [documents], accelerator=self.training.accelerator):
            rule.facts(scored)
        return perf_counter() - started

    def batch(self, rows: list[int]) -> Batch:
        """Return documents as a batch on the CPU."""
        return self.model.collate([self.documents[row] for row in rows])


def _run_config(material: Material, folder: Path, *, trainer: TrainerConfig, encoder: EncoderConfig) -> RunConfig:
    """Write the material as files; return the configuration of a training on it."""
    documents, relations = folder / "documents.json", folder / "rel2id.json"
    documents.write_text(json.dumps(material.raw), encoding="utf-8")
    names = ["Na", *material.vocabulary.relations]
    relations.write_text(json.dumps({name: number for number, name in enumerate(names)}), encoding="utf-8")
    rates = {"encoder_learning_rate": 1e-6, "new_layers_learning_rate": 1e-6}
    return RunConfig(
        data=DataConfig(format="docred", train=documents, dev=documents, relations=relations),
        encoder=encoder,
        preprocessing=PreprocessingConfig(max_length=material.max_length),
        optimizer=OptimizerConfig(**rates),
        trainer=trainer,
    )


class Plain:
    """The plain form."""

    def __init__(self, material: Material):
        twin, tokenizer = make_model(material)
        special = SpecialTokens.from_tokenizer(tokenizer)
        config = twin.config.encoder_config()
        encoder = AutoModel.from_config(config, attn_implementation="eager", trust_remote_code=False)
        self.model = reference.PlainAtlop(
            encoder,
            classes=material.vocabulary.classes,
            start_tokens=special.start,
            end_tokens=twin.config.window_end or (),
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

    def step(self, rows: list[int]) -> float:
        """Train on documents; return seconds."""
        self.model.train()
        started = perf_counter()
        scores = self.scores(rows)
        with torch.device("cpu"):  # as the published code does
            labels = torch.cat([reference.dense_labels(self._features[row], scores.shape[1]) for row in rows])
        reference.adaptive_thresholding_loss(scores, labels.to(scores.device)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        with torch.device("cpu"):  # where the optimizer counts its steps, without waiting for a GPU
            self._optimizer.step()
        self._optimizer.zero_grad()
        return perf_counter() - started

    def predict(self, rows: list[int]) -> float:
        """Score documents; return seconds."""
        self.model.eval()
        started = perf_counter()
        with torch.inference_mode():
            reference.decide(self.scores(rows), 4)
        return perf_counter() - started

    def tokens(self, rows: list[int]) -> int:
        """Count the tokens of documents."""
        return sum(len(self._features[row]["input_ids"]) for row in rows)

    def operations(self, rows: list[int]) -> int:
        """Count the floating-point operations of a step's matrix products, document by document: no padding."""
        total = 0
        for row in rows:
            with FlopCounterMode(display=False) as counter:
                self.scores([row]).sum().backward()
            total += counter.get_total_flops()
        self.model.zero_grad()
        return total
