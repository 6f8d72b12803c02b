"""Add relations to a trained model by their words alone."""

from collections import Counter
from pathlib import Path

import torch

from atlop.decoding import Decision
from atlop.errors import AtlopError, listed
from atlop.files import atomic_folder, model_folder, one_writer, refuse_nonempty, write_text
from atlop.model import AtlopConfig, LabelClassifier
from atlop.model_folder.card import CARD
from atlop.model_folder.encoders import load_encoder
from atlop.model_folder.folder import load_model, save_model
from atlop.model_folder.words import TH_WORDS, check_distinct, check_same_encoder, word_vectors
from atlop.schema import THRESHOLD_CLASS, RelationVocabulary

_NOTE = """
## Added relations

By their words alone, with `atlop relations add`: {names}. The model was not trained on them, and its scores are without
them.
"""


def add_relations(
    model: str | Path, added: RelationVocabulary, *, output: str | Path, encoder: str | None = None
) -> AtlopConfig:
    """Write a model that classifies further relations, from what their words say; all else is as in the trained one.

    A stored threshold for each relation becomes, for the added ones, the offset, which was chosen for all together.

    Args:
        model: Run folder (its `best/` is used), model folder or Hugging Face name, with `classifier.kind = "labels"`.
        added: The relations, with their names and descriptions.
        output: The model folder to write, new or empty.
        encoder: Folder or Hugging Face name of the pretrained encoder, which reads the words; by default that which the
            model's `config.json` names.

    Returns:
        The configuration of the new model.

    Raises:
        AtlopError: The model cannot be loaded, has another classifier, or knows one of the relations; the encoder is
            not the model's, or cannot tell two relations apart; `output` is not empty.
    """
    output = Path(output)
    refuse_nonempty(output)
    trained, tokenizer = load_model(model)
    config, classifier = trained.config, trained.classifier
    if not isinstance(classifier, LabelClassifier):
        raise AtlopError(
            f"{model}: each of its relations has trained weights (classifier.kind = "
            f'"{config.model.classifier.kind}"), so none can be added by its words; train a model with '
            "classifier.kind=labels"
        )
    counts = Counter([*config.vocabulary.relations, *added.relations])
    if repeated := [relation for relation, count in counts.items() if count > 1]:
        raise AtlopError(f"{model}: would have {listed(repeated)} twice; give only relations that it does not have")
    name = encoder or (config.encoder or {}).get("_name_or_path") or ""
    try:
        pretrained = load_encoder(name, model_config=config.model)
    except AtlopError as error:
        raise AtlopError(f"{error}; --encoder gives the pretrained encoder that reads the words of relations") from None
    words = [TH_WORDS, *map(added.words_of, added.relations)]
    vectors = word_vectors(words, model=trained, encoder=pretrained)
    stored = classifier.label_vectors
    check_same_encoder(vectors[THRESHOLD_CLASS], stored[THRESHOLD_CLASS], where=f"encoder {name!r} and {model}")
    classifier.label_vectors = torch.cat([stored, vectors[1:]])
    vocabulary = config.vocabulary
    known = [TH_WORDS, *map(vocabulary.words_of, vocabulary.relations)]
    check_distinct(classifier.label_vectors, words=[*known, *words[1:]])
    trained.config = _extended(config, added)
    with one_writer(output, is_folder=True):
        refuse_nonempty(output)
        with atomic_folder(output) as new:
            save_model(new, model=trained, tokenizer=tokenizer)
            if (card := Path(model_folder(model)) / CARD).is_file():
                note = _NOTE.format(names=", ".join(words[1:]))
                write_text(new / CARD, card.read_text(encoding="utf-8") + note)
    return trained.config


def _extended(config: AtlopConfig, added: RelationVocabulary) -> AtlopConfig:
    """Return the configuration of a model with further relations."""
    vocabulary, decision = config.vocabulary, config.decision
    values = {name: getattr(config, name) for name in AtlopConfig.__annotations__}
    return AtlopConfig(
        **values
        | {
            "relations": [*vocabulary.relations, *added.relations],
            "relation_names": {**vocabulary.names, **added.names},
            "relation_descriptions": {**vocabulary.descriptions, **added.descriptions} or None,
            "decision": decision and _with_thresholds(config.stored_decision, added).model_dump(exclude_none=True),
        }
    )


def _with_thresholds(decision: Decision, added: RelationVocabulary) -> Decision:
    """Return a decision with a threshold for each added relation, if it has one for each relation."""
    if decision.per_class is None:
        return decision
    thresholds = dict.fromkeys(added.relations, decision.offset or 0.0)
    return decision.model_copy(update={"per_class": decision.per_class | thresholds})
