"""Model folders: made from an encoder, saved with their tokenizer, loaded again."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from atlop.config import ModelConfig
from atlop.decoding import Calibration
from atlop.errors import AtlopError, loading
from atlop.files import atomic_folder, default_mode, read_json, recovered, write_json
from atlop.model.atlop import AtlopModel, prepared
from atlop.model.configuration import AtlopConfig
from atlop.model_folder.checks import (
    check_values,
    check_weights,
    read_configuration,
    read_model_config,
    refuse_odd_groups,
    try_out,
)
from atlop.objectives import make_objective
from atlop.preprocessing import Preprocessor, SpecialTokens, load_tokenizer
from atlop.preprocessing.windows import window_end
from atlop.schema import RelationVocabulary


def encoder_tokenizer(encoder: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a pretrained encoder.

    Args:
        encoder: Hugging Face name or folder.

    Raises:
        AtlopError: It cannot be loaded.
    """
    return load_tokenizer(encoder, of="encoder")


def new_model(
    encoder: str,
    *,
    vocabulary: RelationVocabulary,
    model_config: ModelConfig | None = None,
    pretrained: bool = True,
) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Put new layers on an encoder.

    Args:
        encoder: Hugging Face name or folder.
        vocabulary: The relations to tell apart.
        model_config: What the model is made of; as published where it is left out.
        pretrained: Whether the encoder's weights are read; without them it starts at random.

    Returns:
        The model in float32 and in evaluation mode, and the encoder's tokenizer.

    Raises:
        AtlopError: The encoder cannot be loaded, the sizes do not fit together, or an objective, a pooling or a head is
            not known.
    """
    model_config = model_config or ModelConfig()
    make_objective(model_config.objective)
    refuse_odd_groups(model_config.classifier, where="")
    read_configuration(encoder, what="encoder")
    with loading("encoder", name=encoder):
        encoder_config = AutoConfig.from_pretrained(encoder, trust_remote_code=False)
        weights = _encoder_weights(encoder) if pretrained else None
    tokenizer = encoder_tokenizer(encoder)
    special = SpecialTokens.from_tokenizer(tokenizer)
    config = AtlopConfig(
        encoder=encoder_config.to_dict(),
        relations=list(vocabulary.relations),
        relation_names=dict(vocabulary.names),
        sections=model_config.model_dump(mode="json"),
        window_start=list(special.start),
        window_end=window_end(special.end, model_type=encoder_config.model_type),
    )
    check_values(config, where="configuration")
    with loading("encoder", name=encoder):  # values that its own configuration lets pass
        model = AtlopModel(config)
    if weights is not None:
        model.encoder = prepared(weights)
    return model.eval(), tokenizer


def save_model(folder: Path, *, model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write configuration, weights (safetensors), relations and tokenizer: all that prediction needs.

    The folder is whole or as it was before: it is written beside its place and put there at the end.
    """
    with atomic_folder(folder) as new:
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        for file in new.iterdir():
            file.chmod(default_mode())  # safetensors leaves its file to its owner alone


def keep_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Write thresholds into the `config.json` of a model folder, in place of earlier ones.

    Raises:
        AtlopError: There is no such file, or it cannot be read.
    """
    path = folder / "config.json"
    config = read_json(path)
    config["calibration"] = None if calibration is None else calibration.model_dump()
    write_json(path, config)


def load_model(folder: str | Path) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Load a model folder, or a model of that name on the Hugging Face hub.

    Raises:
        AtlopError: There is none, or it is not a model of this package.
    """
    folder = str(recovered(Path(folder)))
    config = read_model_config(folder)
    check_weights(folder, config=config)
    with loading("model", name=folder):
        model: AtlopModel = AtlopModel.from_pretrained(
            folder, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        model.eval()
        tokenizer = load_tokenizer(folder, of="model", config=config.encoder_config())
    try_out(model, tokenizer, name=folder)
    return model, tokenizer


def start_from(model: AtlopModel, folder: str | Path) -> None:
    """Give a new model the weights of an earlier one.

    Args:
        model: The new model, changed in place.
        folder: The earlier model's folder.

    Raises:
        AtlopError: The folder holds no model, or one of other relations, another encoder or other sizes.
    """
    earlier, _ = load_model(folder)
    ours, theirs = model.config.relations or [], earlier.config.relations or []
    if ours != theirs:
        lacking = [relation for relation in [*ours, *theirs] if (relation in ours) != (relation in theirs)]
        raise AtlopError(
            f"trainer.start_from: {folder} knows {len(theirs)} relations, but this run has {len(ours)}"
            + (f" (only one of them has {', '.join(lacking[:8])})" if lacking else " in another order")
            + "; give both runs the same data.relations"
        )
    try:
        model.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        first = str(error).strip().splitlines()[1].strip()
        raise AtlopError(
            f"trainer.start_from: {folder} has another encoder or other sizes than this run: {first}"
        ) from None


def preprocessor_for(model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> Preprocessor:
    """Return the preprocessor that a model was trained with."""
    return Preprocessor.from_config(
        model.config.model.preprocessing, tokenizer=tokenizer, vocabulary=model.config.vocabulary
    )


def _encoder_weights(encoder: str) -> PreTrainedModel:
    """Read a pretrained encoder; what it lacks would start at random, unnoticed."""
    loaded: Any = AutoModel.from_pretrained(
        encoder,
        dtype=torch.float32,
        attn_implementation="eager",
        trust_remote_code=False,
        output_loading_info=True,
    )
    weights: PreTrainedModel
    weights, report = loaded
    if lacking := sorted(name for name in report["missing_keys"] if "pooler" not in name):  # of which we have no use
        raise AtlopError(
            f"encoder {encoder!r}: lacks {len(lacking)} of the weights that its config.json asks for: "
            f"{', '.join(lacking[:8])}{', …' if len(lacking) > 8 else ''}"
        )
    return weights
