"""What comes with the package: a small model and texts for it, and the corpus of an invented world."""

from pathlib import Path

NAME = "sample"
"""What commands and `from_pretrained` call the model, and `train` the configuration."""
MODEL = Path(__file__).parent / "model"
TEXTS = Path(__file__).parent / "texts.jsonl"
"""Texts with entities, for `atlop extract sample`."""
CORPUS_IN_CHECKOUT = "data/sample"


def located(path: str) -> str:
    """Return where a file of the sample corpus is: here, or in the installed package; other paths unchanged."""
    installed = Path(__file__).parent / "corpus" / Path(path).name
    is_sample = Path(path).parent.as_posix() == CORPUS_IN_CHECKOUT
    return str(installed) if is_sample and not Path(path).exists() and installed.is_file() else path
