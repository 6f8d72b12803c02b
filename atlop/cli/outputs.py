"""Where results go if no output is named."""

from pathlib import Path

from atlop.files import refuse_existing


def new_output(source: str | Path, *, suffix: str) -> Path:
    """Return a path in the working directory, from the name of an input; nothing is there yet.

    Raises:
        AtlopError: Something is there.
    """
    path = Path(Path(source).resolve().name.split(".")[0] + suffix)
    refuse_existing(path)
    return path
