"""What comes with the package: a small model and texts for it, and the corpus of an invented world."""

from pathlib import Path

NAME = "sample"
"""What commands and `from_pretrained` call the model, and `train` the configuration."""
MODEL = Path(__file__).parent / "model"
TEXTS = Path(__file__).parent / "texts.jsonl"
"""Texts with entities, for `atlop extract sample`."""
CORPUS_IN_CHECKOUT = "data/sample"


def located(path: str) -> str:
    """Return where a file of the sample corpus is: here, in the installed package or in its checkout.

    Other paths are returned unchanged.
    """
    if Path(path).parent.as_posix() != CORPUS_IN_CHECKOUT or Path(path).exists():
        return path
    package = Path(__file__).parent
    candidates = package / "corpus" / Path(path).name, package.parents[1] / path
    return next((str(candidate) for candidate in candidates if candidate.is_file()), path)
