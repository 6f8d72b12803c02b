"""Recognise the format of a file by its start, or else by its name."""

from pathlib import Path

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats import FORMATS, pubtator
from atlop.errors import AtlopError

SUBMISSION = "submission"
"""Result of `recognise_format` for a leaderboard file, which is not a corpus; `atlop check` accepts both."""


def recognise_format(path: Path) -> str:
    """Return the format of a corpus file or folder, or `SUBMISSION`; only the start is read.

    Args:
        path: A file, also gzipped as `.gz`, or DWIE's folder.

    Raises:
        AtlopError: It cannot be read, or no format in `FORMATS` matches. A `.json` file that no format matches counts
            as `docred`, whose reader says what is wrong.
    """
    if path.suffix == ".zip" and not path.is_dir():
        return SUBMISSION
    start = FileStart(path)
    if start.first_byte == b"[" and "h_idx" in start.json_keys():
        return SUBMISSION
    for format in FORMATS.values():
        if format.matches is not None and format.matches(start):
            return format.name
    name = path.name.removesuffix(".gz")
    for format in FORMATS.values():
        if format.suffix is not None and name.endswith(format.suffix) and path.is_file():
            return format.name
    if name.endswith(".json") and not path.is_dir():
        return "docred"
    known = "".join(f"\n  {format.name}: {format.description}" for format in FORMATS.values() if format.description)
    raise AtlopError(f"{path}: {_describe(start)}; name the format with --format. Files that are recognised:{known}")


def _describe(start: FileStart) -> str:
    """Describe a file of no known format."""
    if start.path.is_dir():
        first = min(start.path.glob("*.json"), default=None)
        found = "has no .json file" if first is None else f"{first.name} in it is not an annotation of DWIE"
        return f"is a folder, and {found}"
    if pubtator.is_pubtator(start):
        names = pubtator.types_and_relations(start)
        return f"is PubTator with the types and relations {', '.join(sorted(names)) or '(none)'}"
    return "does not begin like any known format"
