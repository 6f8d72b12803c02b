"""Model folders: make a model from an encoder, save it with its tokenizer, load it."""

import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from atlop.decoding import Decision
from atlop.errors import AtlopError, loading
from atlop.files import atomic_folder, default_mode, model_folder, read_json, recovered, write_json
from atlop.json_values import expect
from atlop.model.atlop import AtlopModel
from atlop.model_folder.checks import check_weights, read_model_config, smoke_test
from atlop.model_folder.encoders import Encoder
from atlop.model_folder.threads import one_thread
from atlop.preprocessing import Preprocessor, TypeVocabulary, load_tokenizer
from atlop.schema import RelationVocabulary

logger = logging.getLogger(__name__)

TYPE_EMBEDDINGS = "type_embeddings.weight"


def new_model(encoder: Encoder, *, vocabulary: RelationVocabulary, types: TypeVocabulary | None = None) -> AtlopModel:
    """Make a model: an encoder with new layers for the relations to classify; in float32 and in evaluation mode.

    Args:
        encoder: The encoder.
        vocabulary: The relations.
        types: The types of entities, for a model with type embeddings.

    Raises:
        AtlopError: An objective, a pooling or a head is unknown, or sizes do not match.
    """
    with loading("encoder", name=encoder.name):
        model = AtlopModel(encoder.atlop_config(vocabulary, types=types))
    model.encoder = encoder.model
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


def start_from(model: AtlopModel, folder: str | Path) -> None:
    """Initialize a new model with the weights of a trained one.

    Args:
        model: The new model, changed in place.
        folder: The trained model's folder, or that of its run.

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
    if (model.type_embeddings is None) != (trained.type_embeddings is None):
        raise AtlopError(
            f"trainer.start_from: {folder} was trained with classifier.type_embeddings="
            f"{str(model.type_embeddings is None).lower()}; set it to the same in this run"
        )
    weights = trained.state_dict()
    if model.type_embeddings is not None:
        weights[TYPE_EMBEDDINGS] = _type_embeddings_by_name(model, trained, folder=folder)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[1].strip()
        raise AtlopError(
            f"trainer.start_from: {folder} has another encoder or other sizes than this run: {first}"
        ) from None


def _type_embeddings_by_name(model: AtlopModel, trained: AtlopModel, *, folder: str | Path) -> Tensor:
    """Return the type embeddings of a new model, with those of a trained one for the types that it knows."""
    ours, theirs = (
        dict(zip(each.config.entity_types or (), each.state_dict()[TYPE_EMBEDDINGS][1:], strict=True))
        for each in (model, trained)
    )
    if ours.keys() != theirs.keys():
        logger.warning(
            "trainer.start_from: %s has other types of entities than data.train: not there, so that they start at "
            "random: %s; not here, so that they are left out: %s",
            folder,
            ", ".join(sorted(ours.keys() - theirs.keys())) or "none",
            ", ".join(sorted(theirs.keys() - ours.keys())) or "none",
        )
    return nn.functional.pad(torch.stack([theirs.get(name, own) for name, own in ours.items()]), (0, 0, 1, 0))


def preprocessor_for(model: AtlopModel, tokenizer: PreTrainedTokenizerBase) -> Preprocessor:
    """Make the preprocessor that a model was trained with."""
    config = model.config
    return Preprocessor.from_config(
        config.model.preprocessing, tokenizer=tokenizer, vocabulary=config.vocabulary, types=config.types
    )
