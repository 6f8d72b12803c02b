"""What model folders say of themselves, held against their weights before memory is taken for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import safe_open
from transformers import PreTrainedConfig, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from atlop.config import ClassifierConfig, ModelConfig, validation_problems
from atlop.errors import AtlopError, loading
from atlop.json_values import abbreviated
from atlop.model.atlop import AtlopModel
from atlop.model.configuration import AtlopConfig
from atlop.model_folder.earlier import with_sections
from atlop.objectives import make_objective
from atlop.preprocessing import Preprocessor
from atlop.schema import Document, Entity, Mention

MOST = {"num_hidden_layers": 1000, "num_layers": 1000, "n_layers": 1000, "n_layer": 1000, "num_labels": 100_000}
"""Most of each thing that transformers makes as many of as a configuration says, before it looks at any weight."""


class _Described(BaseModel):
    """What an atlop model's `config.json` has to say; more is allowed."""

    model_config = ConfigDict(strict=True, from_attributes=True)

    encoder: dict[str, Any]
    relations: list[str] = Field(min_length=1)
    relation_names: dict[str, str] | None
    sections: ModelConfig
    window_start: list[int] | None
    window_end: list[int] | None


def read_configuration(name: str | Path, *, what: str) -> dict[str, Any]:
    """Return the `config.json` of a model or an encoder, before transformers makes anything of it.

    Args:
        name: Folder or Hugging Face name.
        what: What it is of, for messages.

    Raises:
        AtlopError: It cannot be read, or asks for more layers or labels than any model has.
    """
    with loading(what, name=name):
        row, _ = PreTrainedConfig.get_config_dict(name)
        _check_counts(row, where=f"{what} {str(name)!r}, config.json")
    return row


def read_model_config(name: str | Path) -> AtlopConfig:
    """Return the configuration of a model of this package.

    Args:
        name: Folder or Hugging Face name.

    Raises:
        AtlopError: It cannot be read, is not one of this package, or a value of it cannot be.
    """
    where = f"model {str(name)!r}, config.json"
    row = read_configuration(name, what="model")
    if row.get("encoder") is None or row.get("relations") is None:
        raise AtlopError(f"{name}: config.json does not describe an atlop model (no encoder or no relations)")
    with loading("model", name=name):
        _check_counts(row["encoder"], where=f"{where}, encoder")
        # No other keys: by some, transformers takes attention from a repository and runs its code.
        row = with_sections(row)
        config = AtlopConfig(**{name: row[name] for name in AtlopConfig.__annotations__ if name in row})
        try:
            _Described.model_validate(config)
        except ValidationError as error:
            raise AtlopError(f"{where}, {validation_problems(error, section=_Described)[0]}") from None
        check_values(config, where=where)
    return config


def check_weights(name: str | Path, *, config: AtlopConfig) -> None:
    """Hold the names and shapes in `model.safetensors` against what the configuration asks for.

    Args:
        name: Folder or Hugging Face name.
        config: Its configuration.

    Raises:
        AtlopError: There are no such weights, or one is missing, unknown or of another shape; each is named.
    """
    with loading("model", name=name):
        path = cached_file(name, "model.safetensors")
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            found = {key: list(file.get_slice(key).get_shape()) for key in names}
        with torch.device("meta"):  # takes no memory, whatever the configuration says
            wanted = {key: list(value.shape) for key, value in AtlopModel(config).state_dict().items()}
    problems = [f"missing: {key}" for key in sorted(wanted.keys() - found)]
    problems += [f"unknown: {key}" for key in sorted(found.keys() - wanted)]
    problems += [
        f"{key}: shape {found[key]}, but config.json asks for {shape}"
        for key, shape in wanted.items()
        if found.get(key, shape) != shape
    ]
    if problems:
        raise AtlopError(f"model {str(name)!r}: the weights do not fit config.json:\n  " + "\n  ".join(problems))


def try_out(model: AtlopModel, tokenizer: PreTrainedTokenizerBase, *, name: str | Path) -> None:
    """Score a document of two words, so that what no check of ours knows of is found before a corpus is read.

    Args:
        model: Just loaded.
        tokenizer: Its own.
        name: Folder or Hugging Face name, for messages.

    Raises:
        AtlopError: It cannot be scored, or the tokenizer has tokens that the encoder does not know.
    """
    entities = tuple(Entity((Mention("a", 0, word, word + 1, ""),)) for word in range(2))
    document = Document(title="", sentences=(("a", "b"),), entities=entities, facts=None)
    with loading("model", name=name):
        known, largest = model.config.encoder_config().vocab_size, max(tokenizer.get_vocab().values())
        if largest >= known:
            raise AtlopError(
                f"model {str(name)!r}: its tokenizer has a token {largest}, but its encoder knows {known}, from 0; "
                "they do not belong together"
            )
        preprocessing = model.config.model.preprocessing.model_copy(
            update={"max_length": 1024}
        )  # so that nothing is cut off
        preprocessor = Preprocessor.from_config(preprocessing, tokenizer=tokenizer, vocabulary=model.config.vocabulary)
        with torch.inference_mode():
            model(model.collate(list(preprocessor.preprocess([document]))))


def _check_counts(row: Mapping[str, Any], *, where: str) -> None:
    for key, most in MOST.items():
        if isinstance(value := row.get(key), int) and value > most:
            raise AtlopError(f"{where}, {key}: is {abbreviated(value)}; expected at most {most:,}")


def refuse_odd_groups(classifier: ClassifierConfig, *, where: str) -> None:
    """Refuse groups that do not make up the representation.

    Raises:
        AtlopError: They do not.
    """
    representation_size, block_size = classifier.sizes
    if representation_size % block_size:
        raise AtlopError(
            f"{where}classifier.block_size: {block_size} does not divide representation_size {representation_size}"
        )


def check_values(config: AtlopConfig, *, where: str) -> None:
    """Refuse values that are possible each on its own, but not together.

    Args:
        config: Of a model.
        where: What it is, for messages.

    Raises:
        AtlopError: There are such values.
    """
    relations, settings = config.relations or [], config.model
    if repeated := next((relation for relation in relations if relations.count(relation) > 1), None):
        raise AtlopError(f"{where}, relations: {abbreviated(repeated)} is there more than once")
    refuse_odd_groups(settings.classifier, where=f"{where}, ")
    make_objective(settings.objective)
    _ = config.calibrated  # refuses thresholds of other relations
    encoder, windowing = config.encoder_config(), config.windowing
    if settings.encoder.layers_averaged > encoder.num_hidden_layers:
        raise AtlopError(
            f"{where}, encoder.layers_averaged: {settings.encoder.layers_averaged}, but the encoder has "
            f"{encoder.num_hidden_layers} layers"
        )
    borrowed = [*windowing.start, *windowing.end]
    if windowing.size <= len(borrowed) + 1:
        raise AtlopError(f"{where}, encoder: reads {windowing.size} tokens at once, which is too few")
    for token in [*borrowed, windowing.padding]:
        if not 0 <= token < encoder.vocab_size:
            raise AtlopError(
                f"{where}: token {token} opens, closes or fills up a window, but the encoder knows "
                f"{encoder.vocab_size}, from 0"
            )
