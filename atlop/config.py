"""One typed tree for a run: `RunConfig` and its sections; `config_files` reads and writes it."""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from atlop.errors import AtlopError

Precision: TypeAlias = Literal["auto", "float32", "tf32", "bf16", "fp16"]
"""Number format of the matrix products; the loss is always computed in float32. `auto` takes what is fast and safe on
the machine: bf16 or, on older GPUs, fp16; float32 where a CPU trains slower in bf16, and for prediction on any CPU.
`tf32` (float32 whose products read 10 bits of the mantissa) and `fp16` need a GPU."""

Invalid: TypeAlias = Literal["strict", "skip"]
"""What a document that cannot be right leads to: `strict` stops, `skip` drops and counts it."""

Markers: TypeAlias = Literal["word", "mention", "none"]
"""How many `*` mark mentions: `word` one before a word on which any starts and one after a word on which any ends (the
paper on DocRED), `mention` one of each for every distinct mention (the paper on CDR and GDA), `none` no `*` at all, so
that a mention is read at its first token (the ablation "− entity marker")."""

ContextPooling: TypeAlias = Literal["localized", "none"]
"""What a pair has besides its entities: the text that both attend to (`localized`, the paper), or nothing (`none`, the
ablation "− localized context pooling")."""


Registered = TypeVar("Registered")

LARGEST = 2**31 - 1
"""Largest whole number of a configuration: what counts tokens, documents and steps has 32 bits."""


class Section(BaseModel):
    """A part of the tree: frozen, without unknown keys, without NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*")
    @classmethod
    def _fits_a_machine(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError(f"should be at most {LARGEST:,}")
        return value


class DataConfig(Section):
    """Where the corpus lies and how it is read. Paths are relative to the folder that the command is called in."""

    format: str | None = None
    """Format of the documents, one of those that `atlop check --help` lists. Without it, each file's is recognised."""
    train: Path
    """Labelled documents to train on."""
    dev: Path
    """Labelled documents that choose the best epoch."""
    train_facts: Path | None = None
    """Facts that Ign F1 leaves out: a train file or a `.fact` file. Without it, the facts of `train`."""
    relations: Path | None = None
    """`rel2id.json`: class id of each relation. Without it, the relations of `train`, sorted."""
    relation_names: Path | None = None
    """`rel_info.json`: readable name of each relation."""
    invalid: Invalid = "strict"
    """Whether an invalid document stops the run or is dropped."""


class LayersConfig(Section):
    """Which layers of an encoder are read."""

    layers_averaged: int = Field(1, ge=1)
    """Last layers whose hidden states and attention are averaged; published 1."""


class EncoderConfig(LayersConfig):
    """The pretrained encoder."""

    name: str
    """Hugging Face name or folder of any encoder that gives attention."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, about a third more time."""


class PreprocessingConfig(Section):
    """From words to the encoder's input."""

    max_length: int = Field(1024, ge=8)
    """Longest input in tokens, special tokens counted; the rest of a document is cut off."""
    leading_space: bool = False
    """Cut each word as if a space stood before it. Published RoBERTa results rest on `false`."""
    markers: Markers = "word"
    """How many `*` mark mentions: one a `word`, one for each `mention` (published for CDR and GDA), or `none`."""
    window: int | None = Field(None, ge=8)
    """Most tokens of one encoder call; longer documents are read in overlapping windows. Without it, 512 (published),
    or what the encoder takes where that is less."""


class PoolingConfig(Section):
    """From the encoder's states to entities and pairs."""

    mentions: str = "logsumexp"
    """What an entity's mentions become, one of `atlop.model.POOLINGS`: their `logsumexp` (the paper), or their `mean`
    (the ablation "− logsumexp")."""
    context: ContextPooling = "localized"
    """What a pair has besides its entities. With `none` the encoder's attention is not computed."""


class ClassifierConfig(Section):
    """The layers on top of the encoder."""

    kind: Literal["grouped_bilinear", "bilinear"] = "grouped_bilinear"
    """`grouped_bilinear`, or for the ablation "− group bilinear" `bilinear`: one group, over representations of a size
    that leaves the layer about as many weights, the root of `representation_size · block_size` (222 for 768 and 64)."""
    representation_size: int = Field(768, ge=1)
    """Width of the subject's and of the object's representation in a pair."""
    block_size: int = Field(64, ge=1)
    """Width of one group of the grouped bilinear classifier; divides `representation_size`."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of the representations that are made and of one group of them."""
        if self.kind == "grouped_bilinear":
            return self.representation_size, self.block_size
        size = round(sqrt(self.representation_size * self.block_size))
        return size, size


class ObjectiveConfig(Section):
    """The loss and the decision rule that belongs to it."""

    name: str = "adaptive_thresholding"
    """Which objective, one of `atlop.objectives.OBJECTIVES`."""
    parameters: dict[str, float] = {}
    """Parameters of its loss, for example `shift = 0.05` of `none_class_ranking`; its module says which there are."""
    max_relations: int = Field(4, ge=1)
    """Most relations that one pair can get (k); 4 on DocRED, 1 on CDR and GDA."""


class OptimizerConfig(Section):
    """AdamW with two learning rates and a linear schedule."""

    encoder_learning_rate: float = Field(5e-5, ge=0)
    """Peak learning rate of the pretrained encoder."""
    new_layers_learning_rate: float = Field(1e-4, ge=0)
    """Peak learning rate of the layers that start untrained."""
    epsilon: float = Field(1e-6, gt=0)
    """Added to AdamW's denominator."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay of every weight; published 0."""
    warmup_fraction: float = Field(0.06, ge=0, lt=1)
    """Share of all steps spent warming up, rounded down to whole steps; the rest decays to 0."""
    max_gradient_norm: float = Field(1.0, gt=0)
    """Gradients of a larger norm are scaled down to it."""


class TrainerConfig(Section):
    """The loop."""

    epochs: int = Field(30, ge=1)
    """Passes over the train documents."""
    batch_size: int = Field(4, ge=1)
    """Documents in a batch, over all processes; the last incomplete batch of an epoch is left out."""
    gradient_accumulation: int = Field(1, ge=1)
    """Batches in a step; the last step of an epoch may have fewer."""
    precision: Precision = "auto"
    """Number format of training. What `auto` chooses stands in the run's `config.toml`, and is kept when it goes on."""
    evaluation_interval: int | None = Field(None, ge=1)
    """Steps between two evaluations on dev; without it, one after each epoch."""
    patience: int | None = Field(None, ge=1)
    """Evaluations without a new best dev F1 after which training ends; without it, never. Learning rates are those of
    all epochs, whether they are reached or not."""
    checkpoint_interval: int | None = Field(None, ge=1)
    """Steps between two checkpoints; one is written after every evaluation besides."""
    checkpoint_minutes: float | None = Field(15.0, ge=0)
    """Most minutes between two checkpoints; 0 writes one after every step."""
    checkpoints_kept: int = Field(2, ge=1)
    """Newest checkpoints that are kept while the run trains; each takes three times the size of the model."""
    max_skipped_steps: int = Field(0, ge=0)
    """Steps that may be left out because their loss or gradient is not finite; one more stops training."""
    prediction_batch_size: int = Field(8, ge=1)
    """Documents in a batch of the evaluation."""
    compile: bool = False
    """Compile the encoder's layers with `torch.compile`: a minute more at the start; for GPUs, not for DeBERTa."""
    sharded: bool = False
    """Share weights, gradients and optimizer state out among the processes (FSDP), for an encoder too large for one
    GPU to train; not with fp16, nor compiled. One process trains as without it."""
    seed: int = Field(66, ge=0)
    """Seed of the new layers, the order of the documents and dropout."""
    start_from: str | None = None
    """Model folder whose weights training starts from, for example `runs/first/best`: the second stage of two. Its
    relations and sizes must be those of this run; the optimizer and the schedule start anew."""


class TrackingConfig(Section):
    """Where metrics go besides `metrics.jsonl` in the run."""

    wandb: Literal["online", "offline", "disabled"] = "disabled"
    """Weights & Biases: send, keep in the run's folder, or leave out."""
    project: str = "atlop"
    """Weights & Biases project."""


class ModelConfig(Section):
    """What a model is made of besides its encoder's weights and its relations; the model folder keeps it."""

    encoder: LayersConfig = LayersConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    pooling: PoolingConfig = PoolingConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    heads: dict[str, dict[str, float]] = {}
    """Further heads, each a `[heads.NAME]` with its parameters, by the names of `atlop.model.HEADS`."""
    objective: ObjectiveConfig = ObjectiveConfig()


class RunConfig(ModelConfig):
    """Everything that a run is made of."""

    encoder: EncoderConfig
    data: DataConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    trainer: TrainerConfig = TrainerConfig()
    tracking: TrackingConfig = TrackingConfig()

    @property
    def model(self) -> ModelConfig:
        """The sections that describe the model."""
        sections = {name: getattr(self, name) for name in ModelConfig.model_fields}
        return ModelConfig(**sections | {"encoder": LayersConfig(layers_averaged=self.encoder.layers_averaged)})


def registered(registry: Mapping[str, Registered], name: str, *, key: str) -> Registered:
    """Return what a registry, such as that of poolings, has under a name.

    Args:
        registry: What is known, by name.
        name: What a setting names.
        key: The setting, for messages.

    Raises:
        AtlopError: It is not known.
    """
    if name not in registry:
        raise AtlopError(f"{key}: {name!r} is not known; known are {', '.join(registry) or 'none'}")
    return registry[name]
