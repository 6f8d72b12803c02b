"""The words of relations as vectors of a pretrained encoder, for models with `classifier.kind = "labels"`."""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from atlop.errors import AtlopError, listed
from atlop.model import LabelClassifier
from atlop.model.atlop import AtlopModel
from atlop.model.encoder import document_states, encode
from atlop.model_folder.encoders import NO_RELATIONS, Encoder
from atlop.preprocessing import Preprocessor
from atlop.schema import Document

logger = logging.getLogger(__name__)

TH_WORDS = "no relation"
"""Words of TH."""

MAX_DIFFERENCE = 1e-3
"""Largest relative difference of the vectors that one encoder gives the same words on two machines."""


def set_words(model: AtlopModel, *, encoder: Encoder) -> None:
    """Give each class of a new model the vector of its words, if the classifier reads them.

    Raises:
        AtlopError: Words have no token, or two relations have the same vector.
    """
    if not isinstance(model.classifier, LabelClassifier):
        return
    vocabulary = model.config.vocabulary
    unnamed = [name for name in vocabulary.relations if vocabulary.words_of(name) == name and name[-1:].isdigit()]
    if unnamed:
        logger.warning(
            "classifier.kind: %s have no name, and their ids say little; data.relation_names gives them names",
            listed(unnamed),
        )
    words = [TH_WORDS, *map(vocabulary.words_of, vocabulary.relations)]
    vectors = word_vectors(words, model=model, encoder=encoder)
    check_distinct(vectors, words=words)
    model.classifier.label_vectors, model.classifier.label_mean = vectors, vectors.mean(dim=0)


@torch.no_grad()
def word_vectors(words: Sequence[str], *, model: AtlopModel, encoder: Encoder) -> Tensor:
    """Return an encoder's vector of each text: the mean of the states of its tokens.

    Args:
        words: The texts, each of which is read by itself.
        model: A model on this kind of encoder.
        encoder: The pretrained encoder.

    Returns:
        `[texts, width]`, float32.

    Raises:
        AtlopError: A text has no token.
    """
    preprocessor = Preprocessor(encoder.tokenizer, vocabulary=NO_RELATIONS, leading_space=True, markers="none")
    documents = [Document(title=text, sentences=(tuple(text.split()),), entities=(), facts=()) for text in words]
    vectors = []
    for features in preprocessor.preprocess(documents):
        batch = model.collate([features])
        hidden, _ = encode(
            encoder.model,
            batch,
            padding=model.windowing.padding,
            layers_averaged=model.config.model.encoder.layers_averaged,
            with_attention=False,
        )
        states = document_states(hidden, batch)[0, batch.token_sentences[0] >= 0]  # without special tokens
        if not len(states):
            raise AtlopError(f'relation "{features.title}": its words have no token; name or describe it otherwise')
        vectors.append(states.mean(dim=0))
    return torch.stack(vectors)


def check_distinct(vectors: Tensor, *, words: Sequence[str]) -> None:
    """Check that no two texts have the same vector.

    Raises:
        AtlopError: Two have.
    """
    distances = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    same = (distances <= MAX_DIFFERENCE * vectors.norm(dim=1)).triu(diagonal=1).nonzero().tolist()
    if same:
        first, second = (words[number] for number in same[0])
        raise AtlopError(
            f'classifier.kind: the encoder cannot tell the relations "{first}" and "{second}" apart; name or describe '
            "one of them otherwise"
        )


def check_same_encoder(found: Tensor, stored: Tensor, *, where: str) -> None:
    """Check that vectors of the same words are of one encoder; messages begin with `where`.

    Raises:
        AtlopError: They are not.
    """
    if found.shape != stored.shape or (found - stored).norm() > MAX_DIFFERENCE * stored.norm():
        raise AtlopError(
            f"{where}: the words of its relations were read by another encoder, or by other layers of it; give the "
            "pretrained encoder that it was trained on, and the same encoder.layers_averaged"
        )
