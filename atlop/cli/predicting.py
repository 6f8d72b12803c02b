"""What commands share that read a corpus: its layout, its labels, a model loaded and applied to it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from atlop.cli.session import quiet_libraries
from atlop.config import Invalid, Precision
from atlop.corpora import Corpus, RelationCounter, read_corpus, read_train_facts
from atlop.errors import AtlopError
from atlop.files import read_json, settled
from atlop.schema import NameTriple

if TYPE_CHECKING:
    from atlop.decoding import Calibration
    from atlop.ensemble import Ensemble, Predictions
    from atlop.schema import RelationVocabulary

Run: TypeAlias = dict[str, Any]
"""Accelerator and progress bar, as `Ensemble.predict` takes them."""


def read_labelled(file: Path, *, layout: str | None, invalid: Invalid) -> Corpus:
    """Read a corpus to score against; its layout is recognised where it is `None`.

    Raises:
        AtlopError: It cannot be read, or a document has no labels.
    """
    corpus = read_corpus(file, layout=layout, invalid=invalid)
    for document in corpus.documents:
        if document.facts is None:
            raise AtlopError(
                f'{file}, document "{document.title}": has no labels to score against; give a labelled file'
            )
    return corpus


class TrainFacts(NamedTuple):
    """What scores ask of a train file; both `None` without one."""

    seen: frozenset[NameTriple] | None = None
    """Those of the scored corpus's facts that it has, by name: what Ign F1 leaves out."""
    frequency: dict[str, int] | None = None
    """Number of facts of each relation; `None` of a `.fact` file, which does not tell it."""


def read_train(file: Path | None, *, corpus: Corpus, layout: str | None) -> TrainFacts:
    """Return what the scores of a corpus ask of a train file, where one is given.

    Raises:
        AtlopError: The train file cannot be read.
    """
    if file is None:
        return TrainFacts()
    among = {triple for document in corpus.documents for triple in document.name_triples()}
    counter = RelationCounter()
    seen = read_train_facts(file, layout=layout, among=among, counter=counter)
    return TrainFacts(seen, {use.relation: use.facts for use in counter.result()} or None)


@contextmanager
def loaded_models(names: Sequence[str], *, precision: Precision) -> "Iterator[tuple[Ensemble, Run]]":
    """Load one model or several that score together, and give them with what a run of them needs.

    Args:
        names: Run folders, model folders or Hugging Face names.
        precision: Number format of the matrix products.

    Raises:
        AtlopError: A model cannot be loaded, gives scores that are not finite, or knows other relations.
    """
    folders = [model_folder(name) for name in names]
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(quiet_libraries(needs=folder, what="model"))
        from tqdm import tqdm

        from atlop.ensemble import Ensemble, Member
        from atlop.model_folder import load_model
        from atlop.prediction import accelerator_for

        accelerator = accelerator_for(precision)
        ensemble = Ensemble.of([Member(*load_model(folder)) for folder in folders])
        show = accelerator.is_main_process and sys.stderr.isatty()
        yield ensemble, {"accelerator": accelerator, "progress": partial(tqdm, unit="batch", disable=not show)}


def predict_corpus(
    names: Sequence[str], corpus: Corpus, *, precision: Precision, batch_size: int, calibration: str | None
) -> "tuple[Predictions, RelationVocabulary]":
    """Load models and predict a corpus; a progress bar is drawn where someone watches.

    Args:
        names: Run folders, model folders or Hugging Face names; several score together.
        corpus: The documents.
        precision: Number format of the matrix products.
        batch_size: Documents in a batch.
        calibration: File with thresholds, or `none`; those of the model where not given.

    Returns:
        What was found, and the relations that the models know.

    Raises:
        AtlopError: A model cannot be loaded, or gives scores that are not finite; the calibration is not for it.
    """
    with loaded_models(names, precision=precision) as (ensemble, run):
        if calibration is not None:
            vocabulary = ensemble.rule.vocabulary
            ensemble = ensemble.with_calibration(_read_calibration(calibration, vocabulary=vocabulary))
        found = ensemble.predict(corpus.documents, batch_size=batch_size, **run)
        return found, ensemble.rule.vocabulary


def _read_calibration(file: str, *, vocabulary: "RelationVocabulary") -> "Calibration | None":
    from atlop.decoding import read_calibration

    if file == "none":
        return None
    try:
        return read_calibration(read_json(Path(file)), vocabulary=vocabulary)
    except AtlopError as error:
        raise AtlopError(f"--calibration {file}: {error}") from None


def model_folder(name: str) -> str:
    """Return the model folder that a run folder holds, or what was given."""
    folder = Path(name)
    best = folder / "best"
    if settled(best).is_dir():
        return str(best)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise AtlopError(
            f"{name}: holds no model: neither best/, which a run makes at its first evaluation, nor config.json"
        )
    return name


def described(corpus: Corpus) -> dict[str, Any]:
    """Return what a result says about the file that it rests on."""
    return {
        "path": corpus.path,
        "sha256": corpus.sha256,
        "documents": len(corpus.documents),
        **corpus.oddities.counts(),
    }


def heading(corpus: Corpus) -> str:
    """Return the first line of a result."""
    skipped = f", {len(corpus.oddities.skipped):,} skipped" if corpus.oddities.skipped else ""
    return f"{corpus.path}: {len(corpus.documents):,} documents{skipped}"
