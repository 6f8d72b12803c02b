"""The model card of a model folder (`README.md`): origin, scores and use of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from atlop.config_files import load_config
from atlop.corpora import published_corpora
from atlop.corpora.hosts import HubDataset
from atlop.corpora.published import PublishedCorpus
from atlop.errors import AtlopError
from atlop.files import write_text
from atlop.model import AtlopConfig
from atlop.model_folder.checks import read_model_config
from atlop.run_folder import RunFolder

CARD = "README.md"
UNKNOWN = "unknown"
"""The hub's value for an unspecified licence."""
PIPELINE = "text-classification"
"""The nearest of the hub's tasks, which have none for relations: a text's pairs of entities are classified."""

_BODY = """
# {title}

Finds relations between the given entities of a document ([ATLOP](https://arxiv.org/abs/2010.11304), with the Python
package `atlop`): {relations} relations, on top of {encoder}, an encoder of type `{encoder_type}`.

## How to use it

```python
from atlop import RelationExtractor

extractor = RelationExtractor.from_pretrained("path/to/this/folder")  # or its name on the hub
facts = extractor("Skai TV is Greek. It is based in Piraeus.", [[(0, 7), (18, 20)], [(33, 40)]])
for fact in facts:
    print(fact.subject.name, fact.relation_name, fact.object.name, fact.margin)
```

## Limits

- It reads the first {max_length:,} tokens of a document; entities named only after these are not seen.
- It needs the mentions of entities, and finds only these relations: {names}.
{types}- It was trained on the data named here; on other kinds of text, languages or annotation rules scores differ.
  Facts can be wrong: check them before relying on them.
"""

_TYPES = """\
- It reads the types of entities, which are to be given as in its data: `{"mentions": [[33, 40]], "type": "LOC"}`.
"""

_RUN = """
## Scores

On `{dev}` ({dev_documents:,} documents), in percent{how}. This is one run with one seed.

| | F1 | Ign F1 | precision | recall |
|---|---|---|---|---|
| {model} epoch | {f1} | {ign_f1} | {precision} | {recall} |

## Training

{train_documents:,} documents, {steps:,} steps; {versions}.

| file | sha256 |
|---|---|
{data}

```toml
{settings}```
"""

_BEST = """, with 95 % intervals by bootstrap over its documents. The epoch
was chosen on the same file"""

_NO_RUN = """
## Training

Unknown: the weights were trained elsewhere and imported.
"""


@dataclass(frozen=True)
class FinishedRun:
    """A run, its summary, and which of its two models is meant."""

    folder: Path
    summary: Mapping[str, Any]
    model: str
    """`best` or `last`, as the folders are named."""

    @property
    def scores(self) -> Mapping[str, float | None]:
        """Return the model's scores on the dev documents, from 0 to 1."""
        scores: Mapping[str, float | None] = self.summary[self.model]
        return scores

    @property
    def intervals(self) -> Mapping[str, Sequence[float]]:
        """Return the intervals of the best model's scores; none of another's."""
        intervals: Mapping[str, Sequence[float]] = (
            self.summary.get("best_intervals", {}) if self.model == "best" else {}
        )
        return intervals


def write_card(folder: Path, *, run: FinishedRun | None = None) -> None:
    """Write the card of a model folder, about the run that trained it; without one, the weights are imported.

    Raises:
        AtlopError: A file of the run, or the configuration of the model, cannot be read.
    """
    config = read_model_config(folder)
    vocabulary = config.vocabulary
    encoder, base_model = encoder_name(config), _base_model(config)
    corpus = None if run is None else _train_corpus(run)
    title = f"ATLOP with {encoder.rpartition('/')[2]}"  # the same for every card of a run
    if run is not None:
        title += f", trained on {corpus.title if corpus else _settings(run.folder)['data']['train']}"
    reads_types = config.types is not None or config.model.preprocessing.markers == "typed"
    body = _BODY.format(
        title=title,
        relations=len(vocabulary.relations),
        encoder=f"[{base_model}](https://huggingface.co/{base_model})" if base_model else f"`{encoder}`",
        encoder_type=config.encoder_config().model_type,
        max_length=config.model.preprocessing.max_length,
        names=", ".join(
            relation if vocabulary.name_of(relation) == relation else f"{vocabulary.name_of(relation)} ({relation})"
            for relation in vocabulary.relations
        ),
        types=_TYPES if reads_types else "",
    )
    metadata = ModelCardData(
        base_model=base_model,
        datasets=[corpus.host.repository] if corpus and isinstance(corpus.host, HubDataset) else None,
        language=corpus.language if corpus else None,
        library_name="atlop",
        license=UNKNOWN,
        pipeline_tag=PIPELINE,
        tags=["relation-extraction", "document-level-relation-extraction", "atlop"],
        model_name=title,
        eval_results=[] if run is None else _results(run),
    )
    text = body + (_NO_RUN if run is None else _run_sections(run))
    write_text(folder / CARD, f"---\n{metadata.to_yaml()}\n---\n{text}")


def encoder_name(config: AtlopConfig) -> str:
    """Return the hub's name of the encoder, or the name of its folder."""
    name = str((config.encoder or {}).get("_name_or_path") or config.encoder_config().model_type)
    return Path(name).name if _is_path(name) else name


def _base_model(config: AtlopConfig) -> str | None:
    """Return the hub's name of the encoder; `None` if it was a folder."""
    name = (config.encoder or {}).get("_name_or_path")
    if not isinstance(name, str) or not name or _is_path(name):
        return None
    try:
        validate_repo_id(name)
    except HFValidationError:
        return None
    return name


def _train_corpus(run: FinishedRun) -> PublishedCorpus | None:
    """Return the published corpus whose file the run was trained on, known by its checksum."""
    train = load_config(str(run.folder / "config.toml")).data.train
    digest = RunFolder(run.folder).environment()["data_sha256"].get(str(train))
    corpora = (
        corpus
        for corpus in published_corpora().values()
        if digest in {file.checksum.sha256 for file in corpus.files} - {None}
    )
    return next(corpora, None)


def set_licence(folder: Path, licence: str) -> None:
    """Set the licence in the card of a model folder.

    Raises:
        AtlopError: The card cannot be read.
    """
    card = _load(folder)
    card.data["license"] = licence
    write_text(folder / CARD, str(card))


def licence_of(folder: Path) -> str:
    """Return the licence in the card of a model folder.

    Raises:
        AtlopError: The card cannot be read.
    """
    return str(_load(folder).data.get("license") or UNKNOWN)


def _load(folder: Path) -> ModelCard:
    try:
        card: ModelCard = ModelCard.load(folder / CARD)
        return card
    except Exception as error:  # YAML can hold anything, and huggingface_hub passes it on as arguments
        reason = str(error).strip().partition("\n")[0]
        raise AtlopError(
            f"{folder / CARD}: not a model card: {reason}; correct it, or remove it to have a new one written"
        ) from None


def _results(run: FinishedRun) -> list[EvalResult]:
    dev = _settings(run.folder)["data"]["dev"]
    return [
        EvalResult(
            task_type="relation-extraction",
            dataset_type=dev,
            dataset_name=dev,
            metric_type=key,
            metric_name=name,
            metric_value=round(100 * score, 2),
        )
        for key, name in (("f1", "F1"), ("ign_f1", "Ign F1"))
        if (score := run.scores[key]) is not None
    ]


def _run_sections(run: FinishedRun) -> str:
    environment, settings = RunFolder(run.folder).environment(), _settings(run.folder)
    summary = run.summary
    return _RUN.format(
        dev=settings["data"]["dev"],
        dev_documents=summary["dev"]["documents"],
        model=run.model,
        how=_BEST if run.model == "best" else "",
        **{key: _percent(run.scores[key]) for key in ("precision", "recall")},
        **{key: _with_interval(run.scores[key], run.intervals.get(key)) for key in ("f1", "ign_f1")},
        train_documents=summary["train"]["documents"],
        steps=summary["steps"],
        versions=", ".join(f"{name} {version}" for name, version in environment["packages"].items()),
        data="\n".join(f"| `{Path(path).name}` | `{digest}` |" for path, digest in environment["data_sha256"].items()),
        settings=tomli_w.dumps(settings),
    )


def _settings(run: Path) -> dict[str, Any]:
    """Return the run's configuration with paths reduced to names, since cards are published."""
    return {
        section: {key: _without_folders(value) for key, value in values.items()}
        for section, values in load_config(str(run / "config.toml")).model_dump(mode="json", exclude_none=True).items()
    }


def _without_folders(value: object) -> object:
    """Return a setting with each local path, also one in a list, reduced to its name."""
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    return Path(str(value)).name if _is_path(value) else value


def _is_path(value: object) -> bool:
    """Return whether a value is a local path; `owner/name` is on the hub."""
    return isinstance(value, str) and (value.startswith(("/", ".", "~")) or "\\" in value or Path(value).exists())


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"


def _with_interval(share: float | None, interval: Sequence[float] | None) -> str:
    return _percent(share) + (f" ({' to '.join(map(_percent, interval))})" if share is not None and interval else "")
