"""Models and a labelled file to scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from atlop.config import Invalid, Precision
from atlop.corpora import Corpus, TrainFacts, read_labelled, read_train
from atlop.decoding import read_calibration
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member, Predictions
from atlop.errors import AtlopError
from atlop.evaluation import FactTable, OfficialScores, fact_table, table_scores
from atlop.files import model_folder, read_json
from atlop.model_folder import load_model
from atlop.schema import RelationVocabulary


@dataclass(frozen=True)
class Evaluation:
    """What models are worth on a corpus."""

    scores: OfficialScores
    """As the leaderboard counts, from 0 to 1; Ign F1 only with a train file."""
    predictions: Predictions
    """The facts of each document, and what the models cannot find."""
    table: FactTable
    """Every fact, predicted or labelled, with what detailed scores and comparisons ask of it."""
    corpus: Corpus
    """The labelled documents."""
    train: TrainFacts
    """What was asked of the train file."""
    vocabulary: RelationVocabulary
    """The relations that the models know."""


def evaluate(
    models: str | Path | Member | Sequence[str | Path | Member],
    file: str | Path,
    *,
    train: str | Path | None = None,
    calibration: str | Path | None = None,
    batch_size: int = 8,
    precision: Precision = "auto",
    device: str | None = None,
    format: str | None = None,
    invalid: Invalid = "strict",
    show_progress: bool = False,
) -> Evaluation:
    """Score a model on labelled documents, as the leaderboard counts.

    Example:
        >>> evaluate("runs/sample", "data/sample/dev.json", train="data/sample/train.json").scores.ign_f1

    Args:
        models: Run folder (its `best/` is meant), model folder, Hugging Face name or loaded model; several decide
            together, by the mean of their margins.
        file: Labelled documents.
        train: Train file or `.fact` file, whose facts Ign F1 leaves out.
        calibration: File of thresholds, or `none`; without it those of the model.
        batch_size: Documents in a batch.
        precision: Number format of the matrix products; `auto` is bf16 or fp16 on a GPU, float32 on a CPU.
        device: `cpu`, `cuda` or `cuda:N`; without it, a GPU where there is one.
        format: Format of the documents; without it, it is recognised.
        invalid: Whether an invalid document stops the evaluation or is left out and counted.
        show_progress: Whether to draw a progress bar.

    Returns:
        The same in every process.

    Raises:
        AtlopError: A file cannot be read or has no labels, a model cannot be loaded, gives scores that are not finite
            or knows other relations than the others, the calibration is not for it, or there is no such device.
    """
    corpus = read_labelled(Path(file), format=format, invalid=invalid)
    known = read_train(None if train is None else Path(train), corpus=corpus, format=format)
    accelerator = accelerator_for(precision, device=device)
    ensemble = load_ensemble([models] if isinstance(models, str | Path | Member) else models, calibration=calibration)
    is_shown = show_progress and accelerator.is_main_process
    progress = partial(tqdm, unit="batch", disable=not is_shown)
    found = ensemble.predict(corpus.documents, accelerator=accelerator, batch_size=batch_size, progress=progress)
    table = fact_table(corpus.documents, predictions=found.facts, train_facts=known.seen)
    return Evaluation(table_scores(table), found, table, corpus, known, ensemble.rule.vocabulary)


def load_ensemble(models: Sequence[str | Path | Member], *, calibration: str | Path | None = None) -> Ensemble:
    """Load models that score together.

    Args:
        models: Run folders, model folders, Hugging Face names or loaded models.
        calibration: File of thresholds, or `none`; without it those of a single model.

    Raises:
        AtlopError: A model cannot be loaded, or knows other relations; the calibration is not for it.
    """
    members = [each if isinstance(each, Member) else Member(*load_model(model_folder(each))) for each in models]
    ensemble = Ensemble.from_members(members)
    if calibration is None:
        return ensemble
    if str(calibration) == "none":
        return ensemble.with_calibration(None)
    try:
        read = read_calibration(read_json(Path(calibration)), vocabulary=ensemble.rule.vocabulary)
    except AtlopError as error:
        raise AtlopError(f"--calibration {calibration}: {error}") from None
    return ensemble.with_calibration(read)
