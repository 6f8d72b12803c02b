"""Where results go if no output is named."""

from pathlib import Path

from atlop.files import refuse_existing


def default_output(source: str | Path, *, suffix: str) -> Path:
    """Return a path in the working directory, from the name of an input; `.` has the name of its folder."""
    return Path(Path(source).resolve().name.split(".")[0] + suffix)


def new_output(source: str | Path, *, suffix: str) -> Path:
    """Return the path of `default_output`; nothing is there yet.

    Raises:
        AtlopError: Something is there.
    """
    path = default_output(source, suffix=suffix)
    refuse_existing(path)
    return path
