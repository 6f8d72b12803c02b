"""Model folders: make a model from an encoder, save it with its tokenizer, load it."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from atlop.config import ModelConfig
from atlop.decoding import Calibration
from atlop.errors import AtlopError, loading
from atlop.files import atomic_folder, default_mode, read_json, recovered, write_json
from atlop.model.atlop import AtlopModel, prepare_encoder
from atlop.model.configuration import AtlopConfig
from atlop.model_folder.checks import (
    check_block_size,
    check_values,
    check_weights,
    read_configuration,
    read_model_config,
    smoke_test,
)
from atlop.objectives import make_objective
from atlop.preprocessing import Preprocessor, SpecialTokens, load_tokenizer
from atlop.preprocessing.windows import window_end
from atlop.schema import RelationVocabulary


def new_model(
    encoder: str,
    *,
    vocabulary: RelationVocabulary,
    model_config: ModelConfig | None = None,
    pretrained: bool = True,
) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Make a model: a pretrained encoder with new layers.

    Args:
        encoder: Hugging Face name or folder.
        vocabulary: The relations to classify.
        model_config: The layers and settings; as published by default.
        pretrained: Whether to load the encoder's weights rather than initialize them at random.

    Returns:
        The model in float32 and in evaluation mode, and the encoder's tokenizer.

    Raises:
        AtlopError: The encoder cannot be loaded, sizes do not match, or an objective, a pooling or a head is unknown.
    """
    model_config = model_config or ModelConfig()
    make_objective(model_config.objective)
    check_block_size(model_config.classifier, where="")
    read_configuration(encoder, kind="encoder")
    with loading("encoder", name=encoder):
        encoder_config = AutoConfig.from_pretrained(encoder, trust_remote_code=False)
        weights = _encoder_weights(encoder) if pretrained else None
    tokenizer = load_tokenizer(encoder, kind="encoder")
    special = SpecialTokens.from_tokenizer(tokenizer)
    config = AtlopConfig(
        encoder=encoder_config.to_dict(),
        relations=list(vocabulary.relations),
        relation_names=dict(vocabulary.names),
        negative_label=vocabulary.negative,
        sections=model_config.model_dump(mode="json"),
        window_start=list(special.start),
        window_end=window_end(special.end, model_type=encoder_config.model_type),
    )
    check_values(config, where="configuration")
    with loading("encoder", name=encoder):  # for values that its configuration class accepts
        model = AtlopModel(config)
    if weights is not None:
        model.encoder = prepare_encoder(weights)
    return model.eval(), tokenizer


def save_model(folder: Path, *, model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write configuration, weights (safetensors) and tokenizer: all that prediction needs.

    Atomic: after a failure the folder is as before.
    """
    with atomic_folder(folder) as new:
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        for file in new.iterdir():
            file.chmod(default_mode())  # safetensors makes files readable by the owner only


def keep_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Store a calibration in the `config.json` of a model folder, or remove it.

    Raises:
        AtlopError: The file does not exist or cannot be read.
    """
    path = folder / "config.json"
    config = read_json(path)
    config["calibration"] = None if calibration is None else calibration.model_dump()
    write_json(path, config)


def load_model(folder: str | Path) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Load a model from a folder or from the Hugging Face hub.

    Raises:
        AtlopError: It does not exist, or is not an atlop model.
    """
    folder = str(recovered(Path(folder)))
    config = read_model_config(folder)
    check_weights(folder, config=config)
    with loading("model", name=folder):
        model: AtlopModel = AtlopModel.from_pretrained(
            folder, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        model.eval()
        tokenizer = load_tokenizer(folder, kind="model", config=config.encoder_config())
    smoke_test(model, tokenizer, name=folder)
    return model, tokenizer


def start_from(model: AtlopModel, folder: str | Path) -> None:
    """Initialize a new model with the weights of a trained one.

    Args:
        model: The new model, changed in place.
        folder: The trained model's folder.

    Raises:
        AtlopError: The folder has no model, or one with other relations, another encoder or other sizes.
    """
    trained, _ = load_model(folder)
    ours, theirs = model.config.relations or [], trained.config.relations or []
    if ours != theirs:
        different = [relation for relation in [*ours, *theirs] if (relation in ours) != (relation in theirs)]
        raise AtlopError(
            f"trainer.start_from: {folder} has {len(theirs)} relations, but this run has {len(ours)}"
            + (f" (only one of them has {', '.join(different[:8])})" if different else " in another order")
            + "; give both runs the same data.relations"
        )
    try:
        model.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        first = str(error).strip().splitlines()[1].strip()
        raise AtlopError(
            f"trainer.start_from: {folder} has another encoder or other sizes than this run: {first}"
        ) from None


def preprocessor_for(model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> Preprocessor:
    """Make the preprocessor that a model was trained with."""
    return Preprocessor.from_config(
        model.config.model.preprocessing, tokenizer=tokenizer, vocabulary=model.config.vocabulary
    )


def _encoder_weights(encoder: str) -> PreTrainedModel:
    """Load a pretrained encoder; missing weights, which transformers would initialize at random, are an error."""
    loaded: Any = AutoModel.from_pretrained(
        encoder,
        dtype=torch.float32,
        attn_implementation="eager",
        trust_remote_code=False,
        output_loading_info=True,
    )
    weights: PreTrainedModel
    weights, report = loaded
    if missing := sorted(name for name in report["missing_keys"] if "pooler" not in name):  # the pooler is unused
        raise AtlopError(
            f"encoder {encoder!r}: {len(missing)} of the weights that its config.json expects are missing: "
            f"{', '.join(missing[:8])}{', …' if len(missing) > 8 else ''}"
        )
    return weights
