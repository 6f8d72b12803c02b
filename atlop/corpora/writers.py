"""The formats that documents are written in, by name."""

from functools import partial
from pathlib import Path

from atlop.corpora.docred_writer import write_docred
from atlop.corpora.json_lines_writer import write_json_lines
from atlop.corpora.losses import Writer
from atlop.corpora.pubtator_scheme import SCHEME_PREFIX, load_scheme
from atlop.corpora.pubtator_writer import write_biored, write_cdr, write_pubtator
from atlop.errors import AtlopError

WRITERS: dict[str, Writer] = {
    "docred": write_docred,
    "jsonl": write_json_lines,
    "cdr": write_cdr,
    "biored": write_biored,
}
"""Writer of each format, under the name that its reader has in `CORPORA`."""


def find_writer(path: Path, *, format: str) -> Writer:
    """Return what writes a format.

    Args:
        path: The file to make, for the message.
        format: A key of `WRITERS`, or `pubtator:` with the path of a scheme.

    Raises:
        AtlopError: The format or the scheme is not known.
    """
    if format.startswith(SCHEME_PREFIX):
        return partial(write_pubtator, scheme=load_scheme(format.removeprefix(SCHEME_PREFIX)))
    if format not in WRITERS:
        known = ", ".join([*WRITERS, f"{SCHEME_PREFIX}SCHEME.toml"])
        raise AtlopError(f"{path}: cannot be written in format {format!r}; known: {known}")
    return WRITERS[format]
