"""One typed tree for a run: a TOML file and overrides become a `RunConfig`."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from atlop.errors import AtlopError
from atlop.files import read_toml
from atlop.json_values import abbreviated
from atlop.parsing import parse_toml

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


def load_config(source: str, *, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a configuration.

    Args:
        source: Path of a TOML file, or the name of a shipped configuration such as `docred_bert_base`.
        overrides: `section.key=value` each; the value is TOML (`3e-5`, `true`, `"text"`), or plain text.

    Raises:
        AtlopError: There is no such file, it is not TOML, or a key or value is wrong; every wrong key is named.
    """
    path = find_config(source)
    tree = read_toml(path)
    for override in overrides:
        _set(tree, override)
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in validation_problems(error, section=RunConfig))
        raise AtlopError(f"{path}: the configuration is not valid:\n{problems}") from None


def find_config(source: str) -> Path:
    """Return the path of a TOML file, given as a path or by the name of a shipped configuration.

    Raises:
        AtlopError: Neither exists; the shipped names are listed.
    """
    path = Path(source)
    if path.is_file():
        return path
    folder = _shipped_folder()
    shipped = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.toml"))}
    if source in shipped:
        return shipped[source]
    raise AtlopError(f"{source}: no such configuration file; shipped ones are {', '.join(shipped)}")


def dump_config(config: BaseModel) -> str:
    """Return the configuration as TOML, every value written out; unset values are left out, since TOML has no null."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def flat_settings(config: BaseModel) -> dict[str, Any]:
    """Return every value of a configuration in JSON's terms, by `section.key`."""
    return dict(_flat(config.model_dump(mode="json")))


def default_settings() -> dict[str, Any]:
    """Return the default of every setting that has one, by `section.key`: what a record without it means."""
    sections = ((name, section.annotation) for name, section in RunConfig.model_fields.items())
    return {
        f"{name}.{key}": setting.default
        for name, section in sections
        if isinstance(section, type) and issubclass(section, Section)
        for key, setting in section.model_fields.items()
        if not setting.is_required()
    }


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with the keys that lead to it."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shipped_folder() -> Path:
    """Return `configs/` as the wheel holds it, or as the clone does."""
    package = Path(str(files("atlop")))
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def _set(tree: dict[str, Any], override: str) -> None:
    """Write one `section.key=value` into the tree."""
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise AtlopError(f"--set {override}: expected section.key=value, for example optimizer.epsilon=1e-6")
    try:
        value = parse_toml(f"value = {text}", where=f"--set {name}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise AtlopError(f"--set {override}: {key} is a value, not a section")
    tree[keys[-1]] = value


def validation_problems(error: ValidationError, *, section: type[BaseModel], name: str = "") -> list[str]:
    """Say of each wrong value where it is, what was found and, for an unknown key, which known key is nearest.

    Args:
        error: What validation raised.
        section: The section that was validated.
        name: Where that stands in the configuration; empty for the whole.
    """
    return [_describe(problem, section=section, name=name) for problem in error.errors()]


def _describe(problem: Any, *, section: type[BaseModel], name: str) -> str:
    location = ".".join(filter(None, [name, *map(str, problem["loc"])]))
    if problem["type"] == "extra_forbidden":
        known = list(_section_at(problem["loc"][:-1], below=section).model_fields)
        nearest = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.0)
        hint = f"did you mean {nearest[0]}? known here: {', '.join(known)}" if nearest else "none is known here"
        return f"{location}: unknown key; {hint}"
    if problem["type"] == "missing":
        return f"{location}: missing; add it to the file or give --set {location}=…"
    value = problem["input"]
    found = repr(value) if isinstance(value, float) else abbreviated(value)  # `nan` as TOML has it
    return f"{location}: {problem['msg']}; found {found}"


def _section_at(location: Sequence[str | int], *, below: type[BaseModel]) -> type[BaseModel]:
    section = below
    for key in location:
        annotation = section.model_fields[str(key)].annotation
        section = cast(type[BaseModel], next((part for part in get_args(annotation)), annotation))
    return section
