"""What a model folder's `config.json` says: all that prediction needs besides the weights and the tokenizer."""

from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from atlop.config import ContextPooling, Markers, MentionPooling
from atlop.decoding import Calibration, read_calibration
from atlop.schema import RelationVocabulary

WINDOW_SIZE = 512
"""Longest input of one encoder call in pieces; published."""

_DOUBLE_END = {"roberta", "xlm-roberta", "camembert"}
"""Encoders whose segments end with two end tokens, `</s></s>`; a cut window ends likewise."""

_POSITIONS_AFTER_PADDING = {*_DOUBLE_END, "mpnet"}
"""Encoders that count positions from the padding id + 1."""


class AtlopConfig(PreTrainedConfig):
    """Configuration of an `AtlopModel`, kept in the layout of transformers."""

    model_type = "atlop"

    encoder: dict[str, Any] | None = None
    """Configuration of the encoder, as its own `to_dict()` gives it."""
    relations: list[str] | None = None
    """Relation ids in the order of their class ids 1, 2, …; class 0 is TH."""
    relation_names: dict[str, str] | None = None
    """Readable names of relations."""
    representation_size: int = 768
    """Width of the subject's and of the object's representation in a pair."""
    block_size: int = 64
    """Width of one group of the classifier; divides `representation_size`."""
    max_length: int = 1024
    """Longest input in pieces, special tokens counted; the rest of a document is cut off."""
    leading_space: bool = False
    """Whether words are cut into pieces as if a space stood before each."""
    markers: Markers = "word"
    """How many `*` mark mentions."""
    mention_pooling: MentionPooling = "logsumexp"
    """How an entity's mentions are put together."""
    context_pooling: ContextPooling = "localized"
    """What a pair has besides its entities."""
    window_start: list[int] | None = None
    """Piece ids that a borrowed window start is made of."""
    window_end: list[int] | None = None
    """Piece ids that a borrowed window end is made of."""
    objective: str = "adaptive_thresholding"
    """Name of the objective, whose decision rule decoding follows."""
    max_relations: int = 4
    """Most relations of one pair (k)."""
    calibration: dict[str, Any] | None = None
    """Thresholds and probabilities that were chosen after training, the fields of a `Calibration`."""

    @property
    def calibrated(self) -> Calibration | None:
        """The calibration, `None` where there is none.

        Raises:
            AtlopError: It is not as it should be.
        """
        return None if self.calibration is None else read_calibration(self.calibration, vocabulary=self.vocabulary)

    @property
    def vocabulary(self) -> RelationVocabulary:
        """The relations that the model knows."""
        return RelationVocabulary(relations=tuple(self.relations or ()), names=self.relation_names or {})

    @property
    def window_size(self) -> int:
        """Longest input of one encoder call in pieces: 512, or what the encoder can take where that is less."""
        encoder = self.encoder_config()
        positions = getattr(encoder, "max_position_embeddings", None)
        return min(WINDOW_SIZE, positions - first_position(encoder)) if positions else WINDOW_SIZE

    def encoder_config(self) -> PreTrainedConfig:
        """Return the encoder's configuration as transformers' own object."""
        assert self.encoder is not None, "an AtlopConfig needs the configuration of its encoder"
        return AutoConfig.for_model(**self.encoder)


def first_position(encoder: PreTrainedConfig) -> int:
    """Return the number of an input's first position."""
    return encoder.pad_token_id + 1 if encoder.model_type in _POSITIONS_AFTER_PADDING else 0


def window_end(end: tuple[int, ...], *, model_type: str) -> list[int]:
    """Return the pieces that close a window, from those that close a document (two for RoBERTa)."""
    return [*end, *end] if model_type in _DOUBLE_END else list(end)
