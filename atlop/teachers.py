"""Teachers score the documents of a training once; their margins are kept on disk, and are its soft targets."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from atlop.config import RunConfig
from atlop.corpora import CorpusFile
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, load_ensemble
from atlop.errors import AtlopError
from atlop.files import model_digest, model_folder
from atlop.preprocessing import MarginsOrigin, MarginStore, TeacherScores, write_margins
from atlop.preprocessing.cache import cache_folder
from atlop.preprocessing.identity import preprocessing_sha256, sha256_of_json
from atlop.schema import THRESHOLD_CLASS, Document

logger = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 256
"""Documents that are in memory while teachers score them."""


def corpus_files(config: RunConfig) -> dict[str, CorpusFile]:
    """Return the files whose documents have soft targets: `train`, and `unlabelled` if there is one."""
    paths = {"train": config.data.train, "unlabelled": config.distillation.unlabelled}
    data = config.data
    return {
        name: CorpusFile(path, format=data.format, invalid=data.invalid, relations=data.relations)
        for name, path in paths.items()
        if path is not None
    }


def soft_targets(
    config: RunConfig, *, device: str | None = None, show_progress: bool = False
) -> dict[str, MarginStore]:
    """Return the soft targets of a training by the names of `corpus_files`; none without distillation.

    Teachers score documents whose margins the preprocessing cache does not have; one process does while others wait.

    Raises:
        AtlopError: The section contradicts itself, a file cannot be read, or a teacher has changed.
    """
    section = config.distillation
    if not config.has_teachers:
        if config.evidence.is_taught:
            raise AtlopError("evidence.source=teachers: there are none; name distillation.teachers")
        if section.unlabelled is not None and section.weight:
            raise AtlopError(
                f"distillation.unlabelled: {section.unlabelled} has no soft targets; name distillation.teachers, or "
                "let `atlop distill` train them"
            )
        return {}
    if section.teachers and section.margins is not None:
        raise AtlopError("distillation: has teachers and margins, which come from other teachers; give one of the two")
    for key in ("leave_out", "train_documents"):
        if getattr(config.data, key) is not None:
            raise AtlopError(f"data.{key}: soft targets are those of all train documents; a student leaves none out")
    if section.margins is not None:
        stores = {name: MarginStore(section.margins / name) for name in corpus_files(config)}
        for store in stores.values():
            _refuse_changed_teachers(store)
        return stores
    digests = list(map(teacher_digest, section.teachers))
    stores = {}
    for name, file in corpus_files(config).items():
        stem = cache_folder() / sha256_of_json({**file.identity(), "teachers": digests, "code": preprocessing_sha256()})
        stem.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(stem.with_suffix(".lock")):
            stores[name] = stored_margins(
                stem,
                file=file,
                teachers=section.teachers,
                device=device,
                show_progress=show_progress,
            )
        for kind in ("arrow", "json", "lock"):
            with suppress(OSError):  # another user's
                os.utime(stem.with_suffix(f".{kind}"))  # unused entries are removed
    return stores


def refuse_half_labelled(path: Path, *, documents: int, unlabelled: int) -> None:
    """Refuse further documents of which only some have labels.

    Raises:
        AtlopError: Some, but not all, of the documents are `unlabelled`.
    """
    if unlabelled not in (0, documents):
        raise AtlopError(
            f"{path}: {unlabelled:,} of {documents:,} documents have no labels; expected all or none, so that it is "
            "clear whether labels count; put them into two files and train on one"
        )


def stored_margins(
    stem: Path,
    *,
    file: CorpusFile,
    teachers: Sequence[str | Path],
    teacher_of: NDArray[np.int64] | None = None,
    device: str | None = None,
    show_progress: bool = False,
) -> MarginStore:
    """Return the margins of a corpus, which are computed and stored if they are not yet.

    Args:
        stem: Path of the store.
        file: The corpus.
        teachers: Run or model folders.
        teacher_of: Index of the teacher of each document, `[documents]`; by default the mean of all counts.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw a progress bar on a terminal.

    Raises:
        AtlopError: The corpus or a teacher cannot be read.
        OSError: The store cannot be written.
    """
    folder = stem.parent.resolve()
    digests = {os.path.relpath(Path(model_folder(each)).resolve(), folder): teacher_digest(each) for each in teachers}
    documents = file.identity()["files"]
    if stem.with_suffix(".json").exists():
        try:
            store = MarginStore(stem)
        except AtlopError as error:
            logger.warning("%s. The margins are computed again", error)
        else:
            if store.origin.documents == documents and [*store.origin.teachers.values()] == [*digests.values()]:
                return store
    ensembles = [load_ensemble(list(teachers))] if teacher_of is None else [load_ensemble(each) for each in teachers]
    relations = ensembles[0].rule.vocabulary.relations
    assert all(ensemble.rule.vocabulary.relations == relations for ensemble in ensembles), "trained on one corpus"
    scored = teacher_scores(
        file,
        name=file.path.name,
        ensembles=ensembles,
        teacher_of=teacher_of,
        device=device,
        show_progress=show_progress,
    )
    write_margins(stem, scored, origin=MarginsOrigin(relations, documents, digests))
    return MarginStore(stem)


def teacher_digest(teacher: str | Path) -> str:
    """Return the digest of a teacher's model folder.

    Raises:
        AtlopError: There is no such folder.
    """
    if not Path(model_folder(teacher)).is_dir():
        raise AtlopError(f"distillation.teachers: {teacher}: no such model folder; name a run, or a model on this disk")
    return model_digest(teacher)


def teacher_scores(
    documents: Iterable[Document],
    *,
    name: str,
    ensembles: Sequence[Ensemble],
    teacher_of: NDArray[np.int64] | None,
    device: str | None,
    show_progress: bool,
) -> Iterator[TeacherScores]:
    """Yield what teachers say of each document, in the order of the documents.

    Args:
        documents: The documents.
        name: What the progress bar calls them.
        ensembles: The teachers; only the first if each document has the same.
        teacher_of: Index of the teacher of each document, `[documents]`; `None` for the first.
        device: `cpu`, `cuda` or `cuda:N`; by default the GPU if there is one.
        show_progress: Whether to draw a progress bar on a terminal.

    Raises:
        AtlopError: A document is invalid, or a score is not finite.
    """
    accelerator = accelerator_for("float32", device=device)
    bar = tqdm(desc=f"teachers score {name}", unit=" docs", disable=not (show_progress and sys.stderr.isatty()))
    for ensemble in ensembles:
        for member in ensemble.members:
            member.model.to(accelerator.device)
    remaining, first = iter(documents), 0
    while chunk := list(islice(remaining, DOCUMENTS_AT_ONCE)):
        teachers = np.zeros(len(chunk)) if teacher_of is None else teacher_of[first : first + len(chunk)]
        found: dict[int, TeacherScores] = {}
        for number, ensemble in enumerate(ensembles):
            rows = np.flatnonzero(teachers == number).tolist()
            own = [chunk[row] for row in rows]
            for scored in ensemble.score_here(own, accelerator=accelerator):
                document, shares = own[scored.index], scored.evidence
                margins = ensemble.rule.objective.margins(scored.scores)[:, THRESHOLD_CLASS + 1 :].numpy()
                found[rows[scored.index]] = TeacherScores(
                    document.title,
                    _both_orders(margins, document=document),
                    _both_orders(margins[:, :0] if shares is None else shares.numpy(), document=document),
                )
        yield from (found[row] for row in range(len(chunk)))
        first += len(chunk)
        bar.update(len(chunk))
    bar.close()


def _both_orders(rows: NDArray[np.float32], *, document: Document) -> NDArray[np.float32]:
    """Return the rows of both orders of each pair, if the document is undirected and so has one of them."""
    return rows if document.directed else np.repeat(rows, 2, axis=0)


def _refuse_changed_teachers(store: MarginStore) -> None:
    """Refuse margins whose teachers, where they are still there, have changed."""
    for name, digest in store.origin.teachers.items():
        folder = store.path.parent / name
        if folder.is_dir() and teacher_digest(folder) != digest:
            raise AtlopError(
                f"{store.path}: the teacher {folder} has changed since its margins were computed; compute them again "
                "(remove them and repeat `atlop distill … --resume`), or restore it"
            )
