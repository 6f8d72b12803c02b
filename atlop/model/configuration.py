"""What a model folder's `config.json` says: all that prediction needs besides the weights and the tokenizer."""

from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from atlop.config import ModelConfig
from atlop.decoding import Calibration, read_calibration
from atlop.preprocessing import Windowing
from atlop.schema import RelationVocabulary


class AtlopConfig(PreTrainedConfig):
    """Configuration of an `AtlopModel`, kept as transformers does."""

    model_type = "atlop"

    encoder: dict[str, Any] | None = None
    """Configuration of the encoder, as its own `to_dict()` gives it."""
    relations: list[str] | None = None
    """Relation ids in the order of their class ids 1, 2, …; class 0 is TH."""
    relation_names: dict[str, str] | None = None
    """Readable names of relations."""
    sections: dict[str, Any] | None = None
    """The sections of the run's configuration that describe the model, as `ModelConfig` gives them."""
    window_start: list[int] | None = None
    """Token ids that a borrowed window start is made of."""
    window_end: list[int] | None = None
    """Token ids that a borrowed window end is made of."""
    calibration: dict[str, Any] | None = None
    """Thresholds and probabilities that were chosen after training, the fields of a `Calibration`."""

    @property
    def model(self) -> ModelConfig:
        """The sections as their typed schema has them.

        Raises:
            pydantic.ValidationError: A key is unknown, or a value is wrong.
        """
        return ModelConfig.model_validate(self.sections or {}, strict=True)

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
    def windowing(self) -> Windowing:
        """How documents become the inputs of the encoder; see `Windowing.for_encoder`."""
        start, end = tuple(self.window_start or ()), tuple(self.window_end or ())
        return Windowing.for_encoder(self.encoder_config(), start=start, end=end, size=self.model.preprocessing.window)

    def encoder_config(self) -> PreTrainedConfig:
        """Return the encoder's configuration as transformers' own object."""
        assert self.encoder is not None, "an AtlopConfig needs the configuration of its encoder"
        return AutoConfig.for_model(**self.encoder)
