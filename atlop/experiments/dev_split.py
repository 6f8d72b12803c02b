"""The documents that choose epochs and thresholds, and those that are scored."""

from pathlib import Path

import numpy as np

from atlop.config import DataConfig
from atlop.corpora import WRITERS, find_writer, read_corpus
from atlop.errors import AtlopError


def split_dev(data: DataConfig, *, folder: Path, seed: int) -> tuple[Path, Path]:
    """Part `data.dev` by chance into two files of as many documents, unless that was done before.

    Args:
        data: What the runs read.
        folder: Where the halves go.
        seed: Of the parting.

    Returns:
        The half that chooses, and the half that is scored.

    Raises:
        AtlopError: Dev cannot be read, has fewer than two documents, or is in a format that cannot be written.
    """
    format = data.format if data.format is not None else "jsonl"
    if format not in WRITERS:
        raise AtlopError(
            f"data.format: documents cannot be written as {format!r}; leave the format out, or give `scored`"
        )
    suffix = "jsonl" if format == "jsonl" else "json"
    chooses, scored = (folder / f"{name}.{suffix}" for name in ("chooses", "scored"))
    if chooses.exists() and scored.exists():
        return chooses, scored
    dev = read_corpus(data.dev, format=data.format, invalid=data.invalid)
    if len(dev.documents) < 2:
        raise AtlopError(
            f"{data.dev}: {len(dev.documents)} documents cannot be parted; give `scored` in the experiment"
        )
    order = np.random.default_rng(seed).permutation(len(dev.documents))
    middle = len(order) // 2
    for path, half in ((chooses, order[:middle]), (scored, order[middle:])):
        find_writer(path, format=format)(path, documents=(dev.documents[index] for index in sorted(half)))
    return chooses, scored
