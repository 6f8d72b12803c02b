"""Start a training from the weights of a trained model, of the same relations or of others."""

import logging
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from atlop.errors import AtlopError, listed
from atlop.model import LabelClassifier
from atlop.model.atlop import AtlopModel
from atlop.model_folder.encoders import Encoder
from atlop.model_folder.folder import load_model, new_model
from atlop.model_folder.words import check_same_encoder
from atlop.preprocessing import TypeVocabulary
from atlop.schema import THRESHOLD_CLASS

logger = logging.getLogger(__name__)

_CLASSES = ("classifier.bilinear.weight", "classifier.bilinear.bias")
_LABELS = ("classifier.label_vectors",)
_TYPES = "type_embeddings.weight"


def start_from(model: AtlopModel, folder: str | Path) -> None:
    """Initialize a new model with the weights of a trained one.

    Classes of relations, and embeddings of types of entities, are those of the trained model where it has one of the
    same name; the others keep their random weights, and a line names them. All else is taken over, TH included. Either
    model may be without embeddings of types. A classifier that reads the words of relations is taken over whole: a
    relation is what its words say.

    Args:
        model: The new model, changed in place.
        folder: The trained model's folder, or that of its run.

    Raises:
        AtlopError: The folder has no model, or one with another encoder or other sizes.
    """
    trained, _ = load_model(folder)
    _take_over(model, trained, folder=folder)
    from_words = isinstance(model.classifier, LabelClassifier)
    anew = "begin as what their words say" if from_words else "start anew"
    _log_others(_relations(model), _relations(trained), folder=folder, noun="relations", anew=anew)
    _log_others(_types(model), _types(trained), folder=folder, noun="types of entities", anew="start anew")


def check_start(encoder: Encoder, folder: str | Path) -> None:
    """Check, before there are data, that a model of an encoder could start from a trained one; see `start_from`.

    Args:
        encoder: The encoder of the new model, which then has the trained one's weights.
        folder: The trained model's folder, or that of its run.

    Raises:
        AtlopError: As in `start_from`.
    """
    trained, _ = load_model(folder)
    has_types = encoder.model_config.classifier.type_embeddings
    types = TypeVocabulary(_types(trained) or ["any"]) if has_types else None
    _take_over(new_model(encoder, vocabulary=trained.config.vocabulary, types=types), trained, folder=folder)


def _take_over(model: AtlopModel, trained: AtlopModel, *, folder: str | Path) -> None:
    """Load into a model what it takes over from a trained one."""
    _check_classifiers(model, trained, folder=folder)
    own, weights = model.state_dict(), trained.state_dict()
    classes = _LABELS if isinstance(model.classifier, LabelClassifier) else _CLASSES
    for keys, names, known in (
        (classes, _relations(model), _relations(trained)),
        ((_TYPES,), _types(model), _types(trained)),
    ):
        for key in keys:
            if key in own and key in weights and own[key].shape[1:] == weights[key].shape[1:]:
                weights[key] = _rows_by_name(own[key], weights[key], names=names, known=known)
    if _TYPES in own:
        weights.setdefault(_TYPES, own[_TYPES])
    else:
        weights.pop(_TYPES, None)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[1].strip()
        raise AtlopError(
            f"trainer.start_from: {folder} has another encoder or other sizes than this run: {first}"
        ) from None


def _check_classifiers(model: AtlopModel, trained: AtlopModel, *, folder: str | Path) -> None:
    """Check that two models have classifiers of one kind and, if these read words, of one encoder."""
    ours, theirs = (each.config.model.classifier.kind for each in (model, trained))
    if ours != theirs:
        raise AtlopError(
            f"trainer.start_from: {folder} was trained with classifier.kind={theirs}; set it to the same in this run"
        )
    if isinstance(model.classifier, LabelClassifier) and isinstance(trained.classifier, LabelClassifier):
        found, stored = (each.label_vectors[THRESHOLD_CLASS] for each in (model.classifier, trained.classifier))
        check_same_encoder(found, stored, where=f"trainer.start_from: {folder}")


def _relations(model: AtlopModel) -> list[str]:
    """Return what says which class is which: the ids of relations, or their words if the classifier reads these."""
    vocabulary = model.config.vocabulary
    from_words = isinstance(model.classifier, LabelClassifier)
    return [vocabulary.words_of(relation) if from_words else relation for relation in vocabulary.relations]


def _types(model: AtlopModel) -> list[str]:
    return model.config.entity_types or []


def _log_others(names: Sequence[str], known: Sequence[str], *, folder: str | Path, noun: str, anew: str) -> None:
    """Say which names only one of the models has, and what becomes of those of the new one: they `anew`."""
    new, unused = ([each for each in one if each not in other] for one, other in ((names, known), (known, names)))
    if new or unused:
        logger.info(
            "trainer.start_from: %s and this run have other %s: %d of both are taken over; here alone, so that they "
            "%s: %s; there alone, so that they are left out: %s",
            folder,
            noun,
            len(names) - len(new),
            anew,
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
