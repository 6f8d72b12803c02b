"""The configuration of a model (`config.json`): all that prediction needs besides weights and tokenizer."""

from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from atlop.config import ModelConfig
from atlop.decoding import PLAIN, Decision, read_decision
from atlop.preprocessing import TypeVocabulary
from atlop.schema import RelationVocabulary


class AtlopConfig(PreTrainedConfig):
    """Configuration of an `AtlopModel`."""

    model_type = "atlop"

    encoder: dict[str, Any] | None = None
    """The encoder's configuration, from its `to_dict()`."""
    relations: list[str] | None = None
    """Relation ids by class id from 1; class 0 is TH."""
    relation_names: dict[str, str] | None = None
    """Readable name of each relation id."""
    relation_descriptions: dict[str, str] | None = None
    """What relations mean, of those that are described."""
    negative_label: str | None = None
    """Label of a pair without a relation in the corpus; see `RelationVocabulary.negative`."""
    entity_types: list[str] | None = None
    """Types of entities that a model with `classifier.type_embeddings` knows."""
    ner_types: dict[str, str] | None = None
    """Type in the model's corpus of each type of a recogniser, "" for mentions to leave out; by default DocRED's."""
    sections: dict[str, Any] | None = None
    """The sections of the run's configuration that describe the model: a `ModelConfig` as JSON."""
    window_start: list[int] | None = None
    """Special tokens added before a window; see `Windowing.start`."""
    window_end: list[int] | None = None
    """Special tokens added after a window; see `Windowing.end`."""
    decision: dict[str, Any] | None = None
    """What turns scores into facts, chosen after training: a `Decision` as JSON."""

    def __post_init__(self, **kwargs: Any) -> None:
        """Set `id2label` and `label2id`, which transformers and the hub read, from the relations."""
        self.id2label = dict(enumerate(["TH", *(self.relations or ())]))
        self.label2id = {label: class_id for class_id, label in self.id2label.items()}
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    @property
    def model(self) -> ModelConfig:
        """The parsed sections.

        Raises:
            pydantic.ValidationError: A key is unknown, or a value is wrong.
        """
        return ModelConfig.model_validate(self.sections or {}, strict=True)

    @property
    def stored_decision(self) -> Decision:
        """The parsed decision, `plain` if none was chosen; raises `AtlopError` if it is invalid."""
        return PLAIN if self.decision is None else read_decision(self.decision, vocabulary=self.vocabulary)

    @property
    def vocabulary(self) -> RelationVocabulary:
        """The model's relations."""
        return RelationVocabulary(
            tuple(self.relations or ()),
            self.relation_names or {},
            self.negative_label,
            self.relation_descriptions or {},
        )

    @property
    def types(self) -> TypeVocabulary | None:
        """The types of entities that the model tells apart; `None` if it does not read them."""
        return None if self.entity_types is None else TypeVocabulary(self.entity_types)

    def encoder_config(self) -> PreTrainedConfig:
        """Return the encoder's configuration as its transformers class."""
        assert self.encoder is not None, "an AtlopConfig needs the configuration of its encoder"
        return AutoConfig.for_model(**self.encoder)
