"""Checks of a model folder: its configuration alone, against its weights, and loaded."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import safe_open
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from atlop.config import ClassifierConfig, ModelConfig
from atlop.config_files import validation_problems
from atlop.errors import AtlopError, listed, listed_lines, loading
from atlop.json_values import abbreviated
from atlop.model.atlop import AtlopModel
from atlop.model.configuration import AtlopConfig
from atlop.model_folder.version_0_1 import upgrade_config
from atlop.objectives import make_objective
from atlop.preprocessing import Preprocessor
from atlop.preprocessing.windows import vocabulary_size
from atlop.schema import Document, Entity, Mention

MAX_COUNTS = {"num_hidden_layers": 1000, "num_layers": 1000, "n_layers": 1000, "n_layer": 1000, "num_labels": 100_000}
"""Limits for counts in a configuration, since transformers allocates that many before it reads any weight."""


class _ConfigSchema(BaseModel):
    """Keys of an atlop model's `config.json`; others are allowed."""

    model_config = ConfigDict(strict=True)

    encoder: dict[str, Any]
    relations: list[str] = Field(min_length=1)
    relation_names: dict[str, str] | None = None
    relation_descriptions: dict[str, str] | None = None
    negative_label: str | None = None
    entity_types: list[str] | None = None
    ner_types: dict[str, str] | None = None
    sections: ModelConfig
    window_start: list[int] | None = None
    window_end: list[int] | None = None


def read_configuration(name: str | Path, *, kind: str) -> dict[str, Any]:
    """Read the `config.json` of a model or an encoder before transformers uses it.

    Args:
        name: Folder or Hugging Face name.
        kind: "model" or "encoder", for messages.

    Raises:
        AtlopError: It cannot be read, or has an absurd number of layers or labels.
    """
    with loading(kind, name=name):
        row, _ = PreTrainedConfig.get_config_dict(name)
        _check_counts(row, where=f"{kind} {str(name)!r}, config.json")
    return row


def read_model_config(name: str | Path) -> AtlopConfig:
    """Read the configuration of an atlop model.

    Args:
        name: Folder or Hugging Face name.

    Raises:
        AtlopError: It cannot be read, is not that of an atlop model, or has an invalid value.
    """
    where = f"model {str(name)!r}, config.json"
    row = read_configuration(name, kind="model")
    if row.get("encoder") is None or row.get("relations") is None:
        raise AtlopError(f"{name}: config.json does not describe an atlop model (no encoder or no relations)")
    with loading("model", name=name):
        _check_counts(row["encoder"], where=f"{where}, encoder")
        row = upgrade_config(row, where=where)
        try:
            _ConfigSchema.model_validate(row)
        except ValidationError as error:
            raise AtlopError(f"{where}, {validation_problems(error, model=_ConfigSchema)[0]}") from None
        # No other keys: some make transformers download attention code and run it.
        config = AtlopConfig(**{name: row[name] for name in AtlopConfig.__annotations__ if name in row})
        check_values(config, where=where)
    return config


def check_weights(name: str | Path, *, config: AtlopConfig) -> None:
    """Check the names and shapes in `model.safetensors`, of a folder or on the hub, against the configuration.

    Raises:
        AtlopError: The file cannot be read, or weights are missing, unknown or of another shape; each is named.
    """
    with loading("model", name=name):
        path = cached_file(name, "model.safetensors")
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            found = {key: list(file.get_slice(key).get_shape()) for key in names}
        try:
            with torch.device("meta"):  # allocates no memory, whatever the configuration says
                expected = {key: list(value.shape) for key, value in AtlopModel(config).state_dict().items()}
        except AtlopError as error:
            raise AtlopError(f"model {str(name)!r}, config.json, {error}") from None
    missing = [f"missing: {key}" for key in sorted(expected.keys() - found)]
    unknown = [f"unknown: {key}" for key in sorted(found.keys() - expected)]
    misshapen = [
        f"{key}: shape {found[key]}, but config.json expects {shape}"
        for key, shape in expected.items()
        if found.get(key, shape) != shape
    ]
    if problems := listed_lines(missing, unknown, misshapen):
        raise AtlopError(f"model {str(name)!r}: the weights do not match config.json:{problems}")


def smoke_test(model: AtlopModel, tokenizer: PreTrainedTokenizerBase, *, name: str | Path) -> None:
    """Score a document of two words, to find before a corpus is read what other checks of the model miss.

    Raises:
        AtlopError: Scoring fails, or the tokenizer has tokens beyond the encoder's vocabulary.
    """
    check_tokenizer(tokenizer, encoder=model.encoder, where=f"model {str(name)!r}")
    with loading("model", name=name):
        preprocessing = model.config.model.preprocessing.model_copy(update={"max_length": 1024})  # no truncation
        preprocessor = Preprocessor.from_config(preprocessing, tokenizer=tokenizer, vocabulary=model.config.vocabulary)
        with torch.inference_mode():
            model(model.collate(list(preprocessor.preprocess([two_mentions(words=2)]))))


def two_mentions(*, words: int) -> Document:
    """Return a document whose first two words are the mentions of two entities."""
    entities = tuple(Entity((Mention("a", 0, word, word + 1, ""),)) for word in range(2))
    return Document(title="", sentences=(("a",) * words,), entities=entities, facts=None)


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, *, encoder: PreTrainedModel, where: str) -> None:
    """Check that an encoder knows every token of its tokenizer; messages begin with `where`.

    Raises:
        AtlopError: The tokenizer has more tokens than the encoder.
    """
    known, vocabulary = vocabulary_size(encoder), tokenizer.get_vocab()
    if unknown := sorted((token for token in vocabulary if vocabulary[token] >= known), key=vocabulary.__getitem__):
        raise AtlopError(
            f"{where}: its tokenizer has more tokens than the {known:,} of the encoder: {listed(unknown)}; give it the "
            "tokenizer that the encoder was trained with, or resize the encoder's embedding"
        )


def _check_counts(row: Mapping[str, Any], *, where: str) -> None:
    for key, limit in MAX_COUNTS.items():
        if isinstance(value := row.get(key), int) and value > limit:
            raise AtlopError(f"{where}, {key}: is {abbreviated(value)}; expected at most {limit:,}")


def check_block_size(classifier: ClassifierConfig, *, where: str) -> None:
    """Check that the block size divides the representation size.

    Raises:
        AtlopError: It does not.
    """
    representation_size, block_size = classifier.sizes
    if representation_size % block_size:
        raise AtlopError(
            f"{where}classifier.block_size: {block_size} does not divide representation_size {representation_size}"
        )


def check_values(config: AtlopConfig, *, where: str) -> None:
    """Check values that are valid on their own, but may not be together; messages begin with `where`.

    Raises:
        AtlopError: Values are not valid together.
    """
    settings = config.model
    for key, names in (("relations", config.relations), ("entity_types", config.entity_types)):
        repeated = next((name for name, count in Counter(names).items() if count > 1), None)
        if repeated is not None:
            raise AtlopError(f"{where}, {key}: {abbreviated(repeated)} is listed more than once")
    check_block_size(settings.classifier, where=f"{where}, ")
    make_objective(settings.objective)
    _ = config.stored_decision  # raises for thresholds of other relations
    averaged, layers = settings.encoder.layers_averaged, config.encoder_config().num_hidden_layers
    if averaged > layers:
        raise AtlopError(f"{where}, encoder.layers_averaged: {averaged}, but the encoder has {layers} layers")
