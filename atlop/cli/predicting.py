"""What commands share that apply models to a corpus."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from atlop.cli.session import quiet_libraries
from atlop.config import Precision
from atlop.corpora import Corpus
from atlop.files import model_folder

if TYPE_CHECKING:
    from atlop.ensemble import Ensemble, Predictions
    from atlop.schema import RelationVocabulary

Run: TypeAlias = dict[str, Any]
"""Accelerator and progress bar, as `Ensemble.predict` takes them."""


@contextmanager
def quiet_models(names: Sequence[str]) -> Iterator[None]:
    """Prepare libraries to load models; see `quiet_libraries`."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(quiet_libraries(needs=model_folder(name), what="model"))
        yield


@contextmanager
def loaded_models(
    names: Sequence[str], *, precision: Precision, device: str | None, calibration: str | None = None
) -> "Iterator[tuple[Ensemble, Run]]":
    """Load one model or several that score together, and give them with what a run of them needs.

    Args:
        names: Run folders, model folders or Hugging Face names.
        precision: Number format of the matrix products.
        device: `cpu`, `cuda` or `cuda:N`; without it, a GPU where there is one.
        calibration: File with thresholds, or `none`; those of the model where not given.

    Raises:
        AtlopError: A model cannot be loaded, gives scores that are not finite, or knows other relations; the
            calibration is not for it; there is no such device.
    """
    with quiet_models(names):
        from tqdm import tqdm

        from atlop.device import accelerator_for
        from atlop.scoring import load_ensemble

        accelerator = accelerator_for(precision, device=device)
        ensemble = load_ensemble(names, calibration=calibration)
        show = accelerator.is_main_process and sys.stderr.isatty()
        yield ensemble, {"accelerator": accelerator, "progress": partial(tqdm, unit="batch", disable=not show)}


def predict_corpus(
    names: Sequence[str],
    corpus: Corpus,
    *,
    precision: Precision,
    device: str | None,
    batch_size: int,
    calibration: str | None = None,
) -> "tuple[Predictions, RelationVocabulary]":
    """Load models and predict a corpus; a progress bar is drawn where someone watches.

    Args and errors are those of `loaded_models`.

    Returns:
        What was found, and the relations that the models know.
    """
    with loaded_models(names, precision=precision, device=device, calibration=calibration) as (ensemble, run):
        return ensemble.predict(corpus.documents, batch_size=batch_size, **run), ensemble.rule.vocabulary


def described(corpus: Corpus) -> dict[str, Any]:
    """Return what a result says about the file that it rests on."""
    return {
        "path": corpus.path,
        "sha256": corpus.sha256,
        "documents": len(corpus.documents),
        **corpus.issues.counts(),
    }


def heading(corpus: Corpus) -> str:
    """Return the first line of a result."""
    skipped = f", {len(corpus.issues.skipped):,} skipped" if corpus.issues.skipped else ""
    return f"{corpus.path}: {len(corpus.documents):,} documents{skipped}"
