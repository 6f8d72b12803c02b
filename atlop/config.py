"""One typed tree for a run: `RunConfig` and its sections; `config_files` reads and writes it."""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from atlop.errors import AtlopError

Precision: TypeAlias = Literal["auto", "float32", "tf32", "bf16", "fp16"]
"""Number format of matrix products; the loss is always computed in float32. `auto` chooses what is fast and safe on the
machine: bf16 or, on older GPUs, fp16; float32 if the CPU trains slower in bf16, and for prediction on any CPU.
`tf32` (float32 products that read 10 bits of the mantissa) and `fp16` need a GPU."""

Invalid: TypeAlias = Literal["strict", "skip"]
"""What an invalid document does: `strict` stops, `skip` drops and counts it."""

Markers: TypeAlias = Literal["word", "typed", "mention", "none"]
"""Where `*` marks mentions. `word`: one before each word where mentions start and one after each word where mentions
end (the paper on DocRED). `typed`: the same, with the type after each one that starts a mention, `* person Ann *`.
`mention`: two around every distinct mention (the paper on CDR and GDA). `none`: no `*`; a mention is then represented
by its first token (the ablation "− entity marker")."""

ContextPooling: TypeAlias = Literal["localized", "none"]
"""Context of a pair besides its entities: the text that both attend to (`localized`, the paper) or nothing (`none`, the
ablation "− localized context pooling")."""

EvidenceSource: TypeAlias = Literal["annotated", "rule", "teachers"]
"""Evidence of the train documents: as annotated; by a rule, for corpora without: the sentences that name both entities,
otherwise those that name one of them and an entity that co-occurs with both (EIDER); or as the teachers of the section
`distillation` share each pair's context out among the sentences."""

Registered = TypeVar("Registered")

MAX_INTEGER = 2**31 - 1
"""Largest integer in a configuration: counts of tokens, documents and steps are 32-bit."""


class Section(BaseModel):
    """A part of the configuration: frozen; unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*")
    @classmethod
    def _check_integer(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise ValueError(f"should be at most {MAX_INTEGER:,}")
        return value


class DataConfig(Section):
    """Files of the corpus and how they are read. Relative paths are resolved against the working directory."""

    format: str | None = None
    """Format of the documents; `atlop check --help` lists them. `None` recognises the format of each file."""
    train: Path
    """Labelled documents to train on."""
    dev: Path
    """Labelled documents that select the best epoch."""
    leave_out: tuple[int, int] | None = None
    """A fold of the train documents to train without, as its number and the number of folds: `[1, 5]` is the first of
    five. Documents are in the same fold in every run."""
    train_documents: int | None = Field(None, ge=1)
    """Number of train documents to train on: the first ones of a random order that `trainer.seed` draws, so that more
    include the same fewer. The relations are those of the whole file. `None` trains on all."""
    train_facts: Path | None = None
    """Train file or `.fact` file with the facts that Ign F1 ignores; by default the facts of `train`."""
    relations: Path | None = None
    """`rel2id.json`: class id of each relation; by default the relations of `train`, sorted. Labels with a name of id 0
    (`Na`, `no_relation`), which say that no relation holds, are left out."""
    relation_names: Path | None = None
    """`rel_info.json`: readable name of each relation, or an object with its `name` and `description`."""
    invalid: Invalid = "strict"
    """What an invalid document does."""

    @field_validator("leave_out")
    @classmethod
    def _check_fold(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if (value is not None and not 1 <= value[0] <= value[1]) or value == (1, 1):
            raise ValueError("should be the number of a fold, from 1, and the number of folds, at least 2")
        return value


class LayersConfig(Section):
    """Which layers of the encoder are used."""

    layers_averaged: int = Field(1, ge=1)
    """Number of last layers whose hidden states and attention are averaged; published 1."""


class EncoderConfig(LayersConfig):
    """The pretrained encoder."""

    name: str
    """Hugging Face name or folder of an encoder that returns attention of all tokens to all tokens."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""


class PreprocessingConfig(Section):
    """How documents become the encoder's input."""

    max_length: int = Field(1024, ge=8)
    """Maximum input length in tokens, special tokens included; longer documents are truncated."""
    leading_space: bool = False
    """Tokenize each word as if a space came before it. Published RoBERTa results use `false`."""
    markers: Markers = "word"
    """Where `*` marks mentions: per `word`, per word and with types (`typed`), per `mention` (published for CDR and
    GDA), or `none`."""
    window: int | None = Field(None, ge=8)
    """Maximum tokens per encoder call; longer documents are split into overlapping windows. By default 512 (published),
    or the encoder's limit if it is lower."""


class PoolingConfig(Section):
    """How hidden states become entities and pairs."""

    mentions: str = "logsumexp"
    """How mentions are pooled into an entity, a key of `atlop.model.POOLINGS`: `logsumexp` (the paper) or `mean` (the
    ablation "− logsumexp")."""
    context: ContextPooling = "localized"
    """Context of a pair. With `none`, the encoder's attention is not computed."""


class ClassifierConfig(Section):
    """The layers on top of the encoder."""

    kind: Literal["grouped_bilinear", "bilinear", "labels"] = "grouped_bilinear"
    """`grouped_bilinear`; `bilinear` for the ablation "− group bilinear": one group over representations of width
    √(`representation_size` · `block_size`) (222 for 768 and 64), which has about as many weights; or `labels`: grouped
    bilinear, with weights of each relation that come from its name and description in `data.relation_names`."""
    representation_size: int = Field(768, ge=1)
    """Width of the subject's and the object's representation."""
    block_size: int = Field(64, ge=1)
    """Width of one group of the grouped bilinear classifier; divides `representation_size`."""
    type_embeddings: bool = False
    """Add an embedding of its type, such as `PER`, to the embedding of each entity."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of the representations and of one group."""
        if self.kind != "bilinear":
            return self.representation_size, self.block_size
        size = round(sqrt(self.representation_size * self.block_size))
        return size, size


class EvidenceConfig(Section):
    """Training with the sentences that support a fact (DREEAM, arXiv 2302.08675)."""

    weight: float = Field(0.0, ge=0)
    """Weight of the evidence loss (λ), for example 0.1; 0 trains without."""
    source: EvidenceSource = "annotated"
    """Where the evidence of the train documents comes from; with `annotated`, pairs without any do not count.
    `teachers` are those of the section `distillation`: the target is their share of each sentence, for all pairs."""

    @property
    def is_by_rule(self) -> bool:
        """Whether documents are read with the evidence of the rule instead of their own."""
        return self.weight > 0 and self.source == "rule"

    @property
    def is_taught(self) -> bool:
        """Whether teachers' shares are the targets."""
        return self.weight > 0 and self.source == "teachers"


class ObjectiveConfig(Section):
    """The loss and the decision rule that belongs to it."""

    name: str = "adaptive_thresholding"
    """A key of `atlop.objectives.OBJECTIVES`."""
    parameters: dict[str, float] = {}
    """Parameters of the loss, documented in its module; for example `shift = 0.05` for `none_class_ranking`."""
    max_relations: int = Field(4, ge=1)
    """Maximum number of relations per pair (k); 4 on DocRED, 1 on CDR and GDA."""


class DistillationConfig(Section):
    """Training on the margins of teachers as soft targets. It is on if there are teachers, or their margins."""

    weight: float = Field(1.0, ge=0)
    """Weight of the soft targets' loss: binary KL divergence per relation. With 0, the whole section is off, unless
    teachers are the `evidence.source`."""
    temperature: float = Field(1.0, gt=0)
    """What the margins of teachers and student are divided by (T); the loss is multiplied by T²."""
    hard: float = Field(1.0, ge=0)
    """Weight of the labels' loss."""
    teachers: tuple[str, ...] = ()
    """Run or model folders, the mean of whose margins is the target. They score each document once; the preprocessing
    cache keeps their margins."""
    margins: Path | None = None
    """Folder of the margins that `atlop distill` computed, instead of `teachers`."""
    unlabelled: Path | None = None
    """Further documents to train on, with soft targets. If they have labels (distant supervision), these count too."""
    unlabelled_weight: float = Field(1.0, ge=0)
    """Weight of each further document; that of a train document is 1."""
    unlabelled_share: float = Field(1.0, gt=0, le=1)
    """Share of the further documents that each epoch draws."""


class OptimizerConfig(Section):
    """AdamW with two learning rates and a linear schedule."""

    encoder_learning_rate: float = Field(5e-5, ge=0)
    """Peak learning rate of the pretrained encoder."""
    new_layers_learning_rate: float = Field(1e-4, ge=0)
    """Peak learning rate of the randomly initialised layers."""
    epsilon: float = Field(1e-6, gt=0)
    """Term added to AdamW's denominator."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay, applied to all weights; published 0."""
    warmup_fraction: float = Field(0.06, ge=0, lt=1)
    """Fraction of all steps used for warm-up, rounded down to whole steps; then the rates decay to 0."""
    max_gradient_norm: float = Field(1.0, gt=0)
    """Gradients with a larger norm are scaled down to it."""


class TrainerConfig(Section):
    """The training loop."""

    epochs: int = Field(30, ge=1)
    """Passes over the train documents."""
    min_steps: int = Field(1, ge=1)
    """Minimum number of steps: more epochs follow until there are so many, for a few documents whose epochs are
    short."""
    batch_size: int = Field(4, ge=1)
    """Documents per batch, over all processes; the last incomplete batch of an epoch is dropped."""
    gradient_accumulation: int = Field(1, ge=1)
    """Batches per step; the last step of an epoch may have fewer."""
    precision: Precision = "auto"
    """Number format of training. The run's `config.toml` stores what `auto` chose, and resuming keeps it."""
    evaluation_interval: int | None = Field(None, ge=1)
    """Steps between evaluations on dev; by default one evaluation after each epoch."""
    patience: int | None = Field(None, ge=1)
    """Number of evaluations without a new best dev F1 after which training stops early; by default never. The learning
    rate schedule always spans all epochs."""
    checkpoint_interval: int | None = Field(None, ge=1)
    """Steps between checkpoints, besides those after each evaluation."""
    checkpoint_minutes: float | None = Field(15.0, ge=0)
    """Maximum minutes between checkpoints; 0 writes one after every step."""
    checkpoints_kept: int = Field(2, ge=1)
    """Number of latest checkpoints to keep during training; each is three times as large as the model, with `ema_decay`
    four times."""
    max_skipped_steps: int = Field(0, ge=0)
    """Steps that may be skipped because their loss or gradient is not finite; one more stops training."""
    deterministic: bool = False
    """Repeat a training on a GPU to the bit, resumed ones too, which takes time. On a CPU it makes no difference."""
    sharded: bool = False
    """Shard weights, gradients and optimizer state over the processes (FSDP), for an encoder too large to train on one
    GPU; not with fp16. No effect with one process."""
    ema_decay: float | None = Field(None, gt=0, lt=1)
    """Decay of a moving average of the weights, for example 0.998. Dev is scored and models are saved with the average,
    while training goes on with the weights; it takes memory for one more copy of them. By default there is none."""
    seed: int = Field(66, ge=0)
    """Seed of new layers, document order, dropout, and the choice of `data.train_documents`."""
    start_from: str | None = None
    """Run or model folder to initialise weights from, for example `runs/first`: the first of two stages, or a model of
    other relations, whose classes count where the names are the same. It must have the same encoder and sizes as this
    run; optimizer and schedule start fresh."""


class TrackingConfig(Section):
    """Where metrics go besides the run's `metrics.jsonl`."""

    wandb: Literal["online", "offline", "disabled"] = "disabled"
    """Weights & Biases: upload, keep in the run folder, or turn off."""
    project: str = "atlop"
    """Weights & Biases project."""


class ModelConfig(Section):
    """Settings of a model; its folder stores them."""

    encoder: LayersConfig = LayersConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    pooling: PoolingConfig = PoolingConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    evidence: EvidenceConfig = EvidenceConfig()
    heads: dict[str, dict[str, float]] = {}
    """Additional heads: a table `[heads.NAME]` of parameters for each, with `NAME` a key of `atlop.model.HEADS`."""
    objective: ObjectiveConfig = ObjectiveConfig()


class RunConfig(ModelConfig):
    """The whole configuration of a run."""

    encoder: EncoderConfig
    data: DataConfig
    distillation: DistillationConfig = DistillationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()
    tracking: TrackingConfig = TrackingConfig()

    @property
    def model(self) -> ModelConfig:
        """The settings of the model alone."""
        sections = {name: getattr(self, name) for name in ModelConfig.model_fields}
        return ModelConfig(**sections | {"encoder": LayersConfig(layers_averaged=self.encoder.layers_averaged)})

    @property
    def has_teachers(self) -> bool:
        """Whether a run trains on what teachers say."""
        section = self.distillation
        return bool(section.teachers or section.margins) and (section.weight > 0 or self.evidence.is_taught)


def registered(registry: Mapping[str, Registered], name: str, *, key: str) -> Registered:
    """Return the entry of a registry, such as `POOLINGS`, under a name from the configuration key `key`.

    Raises:
        AtlopError: The registry has no such name.
    """
    if name not in registry:
        raise AtlopError(f"{key}: {name!r} is not known; known are {', '.join(registry) or 'none'}")
    return registry[name]
