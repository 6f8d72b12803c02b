"""What commands share that read a corpus: its layout, its labels, a model loaded and applied to it."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlop.cli.session import quiet_libraries
from atlop.config import Invalid, Precision
from atlop.corpora import Corpus, read_corpus, read_train_facts
from atlop.errors import AtlopError
from atlop.schema import NameTriple

if TYPE_CHECKING:
    from atlop.prediction import Predictions
    from atlop.schema import RelationVocabulary


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


def read_seen(file: Path | None, *, corpus: Corpus, layout: str | None) -> frozenset[NameTriple] | None:
    """Return those of a corpus's facts that Ign F1 leaves out, `None` without a train file.

    Raises:
        AtlopError: The train file cannot be read.
    """
    if file is None:
        return None
    among = {triple for document in corpus.documents for triple in document.name_triples()}
    return read_train_facts(file, layout=layout, among=among)


def predict_corpus(
    name: str, corpus: Corpus, *, precision: Precision, batch_size: int
) -> "tuple[Predictions, RelationVocabulary]":
    """Load a model and predict a corpus; a progress bar is drawn where someone watches.

    Args:
        name: Run folder, model folder or Hugging Face name.
        corpus: The documents.
        precision: Number format of the matrix products.
        batch_size: Documents in a batch.

    Returns:
        What was found, and the relations that the model knows.

    Raises:
        AtlopError: The model cannot be loaded, or gives scores that are not finite.
    """
    folder = _model_folder(name)
    with quiet_libraries(needs=folder, what="model"):
        from tqdm import tqdm

        from atlop.model import load_model
        from atlop.prediction import accelerator_for, predict_documents

        accelerator = accelerator_for(precision)
        model, tokenizer = load_model(folder)
        show = accelerator.is_main_process and sys.stderr.isatty()
        found = predict_documents(
            model,
            tokenizer,
            corpus.documents,
            accelerator=accelerator,
            batch_size=batch_size,
            progress=partial(tqdm, desc="predicting", unit="batch", disable=not show),
        )
        return found, model.config.vocabulary


def _model_folder(name: str) -> str:
    """Return the model folder that a run folder holds, or what was given."""
    folder = Path(name)
    best = folder / "best"
    if best.is_dir():
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
