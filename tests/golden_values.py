"""The golden files as objects of the package, and of the plain reference."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from atlop.config import ClassifierConfig, ModelConfig, PreprocessingConfig
from atlop.corpora import read_corpus, read_vocabulary
from atlop.model import AtlopModel, PairOutputs
from atlop.model_folder import load_encoder, load_released, new_model
from atlop.objectives import Objective, make_objective
from atlop.preprocessing import Batch, Features, Preprocessor, Windowing, collate
from atlop.preprocessing.pair_blocks import chunk_rows
from atlop.preprocessing.windows import window_spans
from atlop.schema import Document, RelationVocabulary
from tests import reference

GOLDEN = Path(__file__).parent / "golden"
MAX_LENGTH = 1000
"""Maximum length of the golden documents."""
BATCHES = ("short_batch", "two_windows", "mixed", "singles", "truncated", "no_relations")
CLASSIFIER = ClassifierConfig(representation_size=64, block_size=16)

each_encoder = pytest.mark.parametrize("name", ["bert", "roberta"])
each_batch = pytest.mark.parametrize("batch_name", BATCHES)


@cache
def read_golden(path: str) -> Any:
    return json.loads((GOLDEN / path).read_text(encoding="utf-8"))


@cache
def golden_documents() -> tuple[Document, ...]:
    return read_corpus(GOLDEN / "documents.json").documents


def write_short_documents(path: Path) -> Path:
    """Write the golden documents that fit one window: five of six relations."""
    short = [document for document in read_golden("documents.json") if sum(map(len, document["sents"])) < 300]
    path.write_text(json.dumps(short), encoding="utf-8")
    return path


@cache
def golden_vocabulary() -> RelationVocabulary:
    return read_vocabulary(GOLDEN / "rel2id.json")


@cache
def golden_tokenizer(name: str) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(GOLDEN / name)
    return tokenizer


@cache
def golden_preprocessed(name: str, max_length: int = MAX_LENGTH) -> list[Features]:
    preprocessor = Preprocessor(golden_tokenizer(name), vocabulary=golden_vocabulary(), max_length=max_length)
    return list(preprocessor.preprocess(golden_documents()))


@cache
def golden_features(name: str, max_length: int = MAX_LENGTH, marked: bool = True) -> list[reference.Features]:
    """The documents as preprocessed by the plain reference."""
    tokenizer, relations = golden_tokenizer(name), read_golden("rel2id.json")
    rows = read_golden("documents.json")
    return [reference.features(row, tokenizer, max_length, relations, marked=marked) for row in rows]


def untrained_golden_model(name: str) -> AtlopModel:
    encoder = load_encoder(
        str(GOLDEN / name),
        model_config=ModelConfig(preprocessing=PreprocessingConfig(max_length=MAX_LENGTH), classifier=CLASSIFIER),
        pretrained=False,
    )
    return new_model(encoder, vocabulary=golden_vocabulary())


def golden_model(name: str) -> AtlopModel:
    """A fresh model with the golden weights, in evaluation mode."""
    model = untrained_golden_model(name)
    load_released(model, GOLDEN / name / "released_style_checkpoint.pt")
    return model


def plain_model(model: AtlopModel) -> reference.PlainAtlop:
    """The plain reference with the same weights, around transformers' own attention, with the package's windows."""
    config = model.config
    windowing, settings = model.windowing, config.model
    representation_size, block_size = settings.classifier.sizes
    plain = reference.PlainAtlop(
        AutoModel.from_config(config.encoder_config(), attn_implementation="eager"),
        classes=config.vocabulary.classes,
        start_tokens=windowing.start,
        end_tokens=windowing.end,
        representation=representation_size,
        block=block_size,
        pool=reference.mean_of_mentions if settings.pooling.mentions == "mean" else reference.logsumexp_of_mentions,
        with_context=settings.pooling.context == "localized",
        spans=lambda length, end: window_spans(
            length, size=windowing.size, start_tokens=len(windowing.start), end_tokens=end
        ),
    )
    missing, unexpected = plain.load_state_dict(
        {_plain_name(name): value for name, value in model.state_dict().items()}, strict=False
    )
    assert not unexpected
    assert all(name.startswith("model.pooler.") for name in missing), missing
    return plain.train(model.training)


def _plain_name(name: str) -> str:
    for ours, theirs in (
        ("encoder.", "model."),
        ("classifier.subject_projection.", "head_extractor."),
        ("classifier.object_projection.", "tail_extractor."),
        ("classifier.", ""),
    ):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)


def golden_batch(name: str, documents: list[int], *, max_length: int = MAX_LENGTH) -> Batch:
    features = golden_preprocessed(name, max_length)
    return collate([features[index] for index in documents], windowing=golden_windowing(name))


@cache
def golden_windowing(name: str) -> Windowing:
    return untrained_golden_model(name).windowing


def represent(model: AtlopModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Entity embeddings `[documents, entities, width]` and pair contexts `[pairs, width]`."""
    pooled = model.pool(batch)
    chunks = [(chunk_rows(chunk), pooled.context(chunk)[0]) for chunk in model.pair_chunks(batch)]
    order = np.argsort(np.concatenate([np.arange(len(batch.pairs))[rows] for rows, _ in chunks]))
    return pooled.embeddings, torch.cat([context for _, context in chunks])[torch.from_numpy(order)]


def score(model: AtlopModel, batch: Batch) -> Tensor:
    """Scores of the pairs of a batch, `[pairs, classes]`."""
    outputs: PairOutputs = model(batch)
    return outputs.scores


def objective_in(model: AtlopModel) -> Objective:
    """The objective that a model was trained for."""
    return make_objective(model.config.model.objective)


def gradients(model: AtlopModel) -> dict[str, Tensor]:
    """Gradient of each parameter, by its name in the plain reference; zeros where there is none."""
    return {
        _plain_name(name): torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }


def assert_gradients_equal(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """‖Δ‖ ≤ 1e-4·‖g‖ + 1e-7·‖all‖, parameter by parameter."""
    assert set(found) == set(expected)
    norm = torch.cat([gradient.flatten() for gradient in expected.values()]).norm()
    assert norm > 0
    for name, gradient in expected.items():
        difference = (found[name] - gradient).norm()
        assert difference <= 1e-4 * gradient.norm() + 1e-7 * norm, f"{name}: off by {difference}"


def assert_reference_gradients(model: AtlopModel, *, equal: reference.PlainAtlop) -> None:
    """Compare the gradients of a model with those of the reference."""
    parameters = {name: value for name, value in equal.named_parameters() if not name.startswith("model.pooler.")}
    expected = {
        name: torch.zeros_like(value) if value.grad is None else value.grad for name, value in parameters.items()
    }
    assert_gradients_equal(gradients(model), expected)
