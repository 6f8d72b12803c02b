"""Start a training from the weights of a trained model, of the same relations or of others."""

import logging
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from atlop.errors import AtlopError, listed
from atlop.model.atlop import AtlopModel
from atlop.model_folder.folder import load_model

logger = logging.getLogger(__name__)

_CLASSES = ("classifier.bilinear.weight", "classifier.bilinear.bias")
_TYPES = ("type_embeddings.weight",)


def start_from(model: AtlopModel, folder: str | Path) -> None:
    """Initialize a new model with the weights of a trained one.

    Classes of relations, and embeddings of types of entities, are those of the trained model where it has one of the
    same name; the others keep their random weights, and a line names them. All else is taken over, TH included.

    Args:
        model: The new model, changed in place.
        folder: The trained model's folder, or that of its run.

    Raises:
        AtlopError: The folder has no model, or one with another encoder or other sizes.
    """
    trained, _ = load_model(folder)
    if (model.type_embeddings is None) != (trained.type_embeddings is None):
        raise AtlopError(
            f"trainer.start_from: {folder} was trained with classifier.type_embeddings="
            f"{str(model.type_embeddings is None).lower()}; set it to the same in this run"
        )
    own, weights = model.state_dict(), trained.state_dict()
    ours, theirs = model.config, trained.config
    _log_others(ours.relations or [], theirs.relations or [], folder=folder, noun="relations")
    _log_others(ours.entity_types or [], theirs.entity_types or [], folder=folder, noun="types of entities")
    for names, known, keys in (
        (ours.relations, theirs.relations, _CLASSES),
        (ours.entity_types, theirs.entity_types, _TYPES),
    ):
        for key in keys:
            if key in own and own[key].shape[1:] == weights[key].shape[1:]:
                weights[key] = _rows_by_name(own[key], weights[key], names=names or [], known=known or [])
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[1].strip()
        raise AtlopError(
            f"trainer.start_from: {folder} has another encoder or other sizes than this run: {first}"
        ) from None


def _log_others(names: Sequence[str], known: Sequence[str], *, folder: str | Path, noun: str) -> None:
    """Say which names only one of the models has."""
    new, unused = ([each for each in one if each not in other] for one, other in ((names, known), (known, names)))
    if new or unused:
        logger.info(
            "trainer.start_from: %s and this run have other %s: %d of both are taken over; here alone, so that they "
            "start anew: %s; there alone, so that they are left out: %s",
            folder,
            noun,
            len(names) - len(new),
            listed(new) or "none",
            listed(unused) or "none",
        )


def _rows_by_name(own: Tensor, trained: Tensor, *, names: Sequence[str], known: Sequence[str]) -> Tensor:
    """Return the first row of the trained ones, then a row for each name: the trained one where it is known."""
    rows, number_of = own.clone(), {name: number for number, name in enumerate(known, start=1)}
    rows[0] = trained[0]
    for number, name in enumerate(names, start=1):
        if name in number_of:
            rows[number] = trained[number_of[name]]
    return rows
