"""Split dev into documents for model selection and documents to score."""

import os
from pathlib import Path

import numpy as np

from atlop.config import DataConfig
from atlop.corpora import FORMATS, find_writer, read_corpus, writable_formats
from atlop.errors import AtlopError


def split_dev(data: DataConfig, *, folder: Path, seed: int) -> tuple[Path, Path]:
    """Split `data.dev` at random into two halves, files `chooses` and `scored` in a folder, unless these exist already.

    Returns:
        The file that chooses epochs and thresholds, and the file to score.

    Raises:
        AtlopError: Dev cannot be read, has fewer than two documents, or has a format that cannot be written.
    """
    format = data.format if data.format is not None else "jsonl"
    if format not in writable_formats() or FORMATS[format].for_annotators:
        raise AtlopError(
            f"data.format: documents cannot be written as {format!r}; omit it, or set `scored` in the experiment"
        )
    suffix = "jsonl" if format == "jsonl" else "json"
    folder = Path(os.path.relpath(folder))  # the same in the record of a run, however it is spelled
    selection, scored = (folder / f"{name}.{suffix}" for name in ("chooses", "scored"))
    if selection.exists() and scored.exists():
        return selection, scored
    dev = read_corpus(data.dev, format=data.format, invalid=data.invalid, relations=data.relations)
    if len(dev.documents) < 2:
        raise AtlopError(f"{data.dev}: {len(dev.documents)} documents cannot be split; set `scored` in the experiment")
    order = np.random.default_rng(seed).permutation(len(dev.documents))
    middle = len(order) // 2
    for path, half in ((selection, order[:middle]), (scored, order[middle:])):
        find_writer(path, format=format)(path, documents=(dev.documents[index] for index in sorted(half)))
    return selection, scored
