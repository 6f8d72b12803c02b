"""Model folders: make a model from an encoder, save it with its tokenizer, load it."""

from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from atlop.decoding import Decision
from atlop.errors import loading
from atlop.files import atomic_folder, default_mode, model_folder, read_json, recovered, write_json
from atlop.json_values import expect
from atlop.model.atlop import AtlopModel
from atlop.model_folder.checks import check_weights, read_model_config, smoke_test
from atlop.model_folder.encoders import Encoder
from atlop.model_folder.threads import one_thread
from atlop.model_folder.words import set_words
from atlop.preprocessing import Preprocessor, TypeVocabulary, load_tokenizer
from atlop.schema import RelationVocabulary


def new_model(encoder: Encoder, *, vocabulary: RelationVocabulary, types: TypeVocabulary | None = None) -> AtlopModel:
    """Make a model: an encoder with new layers for the relations to classify; in float32 and in evaluation mode.

    Args:
        encoder: The encoder.
        vocabulary: The relations.
        types: The types of entities, for a model with type embeddings.

    Raises:
        AtlopError: An objective, a pooling or a head is unknown, sizes do not match, or a classifier that reads the
            words of relations cannot tell two of them apart.
    """
    with loading("encoder", name=encoder.name):
        model = AtlopModel(encoder.atlop_config(vocabulary, types=types))
    model.encoder = encoder.model
    set_words(model, encoder=encoder)
    model.eval()
    return model


def save_model(folder: Path, *, model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write configuration, weights (safetensors) and tokenizer: all that prediction needs.

    Atomic: after a failure the folder is as before.
    """
    with atomic_folder(folder) as new:
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        for file in new.iterdir():
            file.chmod(default_mode())  # safetensors makes files readable by the owner only


def store_decision(folder: Path, decision: Decision) -> None:
    """Store what turns scores into facts in the `config.json` of a model folder.

    Raises:
        AtlopError: The file does not exist or cannot be read.
    """
    path = folder / "config.json"
    config = expect(read_json(path), dict, where=str(path))
    config["decision"] = decision.model_dump(exclude_none=True)
    write_json(path, config)


@one_thread()
def load_model(folder: str | Path) -> tuple[AtlopModel, PreTrainedTokenizerBase]:
    """Load a model from a run folder (its `best/`), a model folder or the Hugging Face hub.

    Raises:
        AtlopError: It does not exist, or is not an atlop model.
    """
    folder = str(recovered(Path(model_folder(folder))))
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


def preprocessor_for(model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> Preprocessor:
    """Make the preprocessor that a model was trained with."""
    config = model.config
    return Preprocessor.from_config(
        config.model.preprocessing, tokenizer=tokenizer, vocabulary=config.vocabulary, types=config.types
    )
